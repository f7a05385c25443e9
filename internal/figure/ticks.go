// SPDX-License-Identifier: MIT

// Package figure is what all plots share: the inks of their lines, and ticks that tell values apart. gonum's own labels have
// so few digits that 4.05 and 4.125 are both 4.1.
package figure

import (
	"math"
	"slices"
	"strconv"

	"gonum.org/v1/plot"
)

// Linear are the ticks of a linear axis: multiples of 1, 2 or 5 times a power of ten.
type Linear struct{}

// mostTicks bounds the labels of a linear axis.
const mostTicks = 6

// Ticks implements plot.Ticker.
func (Linear) Ticks(low, high float64) []plot.Tick {
	if !(high-low > 1e-12*max(math.Abs(low), math.Abs(high))) || math.IsInf(high-low, 0) { // steps that float64 does not know
		return relabel(plot.DefaultTicks{}.Ticks(low, high))
	}
	step := math.Pow(10, math.Floor(math.Log10((high-low)/mostTicks)))
	for _, m := range []float64{2, 2.5, 2} { // 1, 2, 5, 10
		if (high-low)/step <= mostTicks {
			break
		}
		step *= m
	}
	var ticks []plot.Tick
	for n := math.Ceil(low/step - 1e-9); n*step <= high+step*1e-9; n++ {
		ticks = append(ticks, plot.Tick{Value: n * step, Label: "?"})
	}
	return relabel(ticks)
}

// Log are the ticks of a logarithmic axis: powers of ten, and of short axes also their doubles and fives.
type Log struct{}

// Ticks implements plot.Ticker.
func (Log) Ticks(low, high float64) []plot.Tick {
	if !(low > 0 && high > low) {
		return Linear{}.Ticks(low, high) // there are no powers between
	}
	named := []float64{1}
	if math.Log10(high/low) < 3 {
		named = []float64{1, 2, 5}
	}
	var ticks []plot.Tick
	labels := 0
	for e := math.Floor(math.Log10(low)); e <= math.Ceil(math.Log10(high)); e++ {
		for _, m := range []float64{1, 2, 3, 4, 5, 6, 7, 8, 9} {
			v := m * math.Pow(10, e)
			if v < low*(1-1e-9) || v > high*(1+1e-9) {
				continue
			}
			t := plot.Tick{Value: v}
			if slices.Contains(named, m) {
				t.Label = short(v, 1)
				labels++
			}
			ticks = append(ticks, t)
		}
	}
	if labels < 2 { // a short piece between two powers
		return Linear{}.Ticks(low, high)
	}
	return ticks
}

// mostDigits bounds the digits of a label; float64 has no more.
const mostDigits = 15

// relabel gives the ticks that have labels the fewest digits by which all are another text, and near their values.
func relabel(ticks []plot.Tick) []plot.Tick {
	var values []float64
	for _, t := range ticks {
		if !t.IsMinor() {
			values = append(values, t.Value)
		}
	}
	digits := 1
	for digits < mostDigits && !told(values, digits) {
		digits++
	}
	for i := range ticks {
		if !ticks[i].IsMinor() {
			ticks[i].Label = short(ticks[i].Value, digits)
		}
	}
	return ticks
}

// told tells that so many digits say where values are: wrong by no more than a fiftieth of the distance of two ticks.
func told(values []float64, digits int) bool {
	if len(values) < 2 {
		return digits >= 3
	}
	gap := math.Inf(1)
	for i := range values[1:] {
		gap = min(gap, math.Abs(values[i+1]-values[i]))
	}
	for _, v := range values {
		if math.Abs(rounded(v, digits)-v) > gap/50 {
			return false
		}
	}
	return true
}

func rounded(v float64, digits int) float64 {
	r, _ := strconv.ParseFloat(strconv.FormatFloat(v, 'g', digits, 64), 64)
	return r
}

// units are the letters of thousands, each from where it is shorter than the zeros.
var units = []struct {
	from, size float64
	name       string
}{{1e9, 1e9, "G"}, {1e6, 1e6, "M"}, {1e4, 1e3, "k"}}

// short writes a value with so many digits: 50k in place of 50000, and 0.001 in place of 1e-03.
func short(v float64, digits int) string {
	for _, u := range units {
		if math.Abs(v) >= u.from {
			return plain(v/u.size, digits) + u.name
		}
	}
	return plain(v, digits)
}

// plain has no exponent where people need none.
func plain(v float64, digits int) string {
	if a := math.Abs(v); a != 0 && (a < 1e-4 || a >= 1e12) {
		return strconv.FormatFloat(v, 'g', digits, 64)
	}
	return strconv.FormatFloat(rounded(v, digits)+0, 'f', -1, 64) // +0: there is no -0
}
