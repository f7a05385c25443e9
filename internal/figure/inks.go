// SPDX-License-Identifier: MIT

package figure

import (
	"image/color"

	"gonum.org/v1/plot/vg"
)

// Inks tell lines apart, also for those who see no red or green (Okabe and Ito's palette).
var Inks = []color.NRGBA{
	{R: 0, G: 114, B: 178, A: 255}, {R: 213, G: 94, B: 0, A: 255}, {R: 0, G: 158, B: 115, A: 255},
	{R: 204, G: 121, B: 167, A: 255}, {R: 86, G: 180, B: 233, A: 255}, {R: 230, G: 159, A: 255},
}

// Dashes tell them apart for those who print.
var Dashes = [][]vg.Length{nil, {vg.Points(5), vg.Points(3)}, {vg.Points(1), vg.Points(2)}}
