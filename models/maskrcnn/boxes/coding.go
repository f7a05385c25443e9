// SPDX-License-Identifier: MIT

package boxes

import "math"

// Coder writes a box relative to another: how far its centre lies from the other's, in the other's sides, and the logarithms of
// the ratios of their sides, each times a weight (Faster R-CNN, equation 2).
type Coder struct{ X, Y, W, H float32 }

// The coders of the two stages.
var (
	ProposalCoder  = Coder{1, 1, 1, 1}
	DetectionCoder = Coder{10, 10, 5, 5}
)

// maxLogRatio keeps exponentials finite: a side grows by a factor of 1000/16 at most.
var maxLogRatio = float32(math.Log(1000. / 16))

type centred struct{ x, y, w, h float32 }

func centre(b Box) centred {
	w, h := b.width(), b.height()
	return centred{b[0] + float32(.5*w), b[1] + float32(.5*h), w, h}
}

// Encode is what a network should say of the box from, to get to the box to. Both need an inside.
func (c Coder) Encode(from, to Box) [4]float32 {
	f, t := centre(from), centre(to)
	return [4]float32{
		float32(c.X*(t.x-f.x)) / f.w, float32(c.Y*(t.y-f.y)) / f.h,
		c.W * log(t.w/f.w), c.H * log(t.h/f.h),
	}
}

func log(v float32) float32 { return float32(math.Log(float64(v))) }

// Decode is the box that a network means by code.
func (c Coder) Decode(from Box, code [4]float32) Box {
	f := centre(from)
	x, y := float32(code[0]/c.X*f.w)+f.x, float32(code[1]/c.Y*f.h)+f.y
	w, h := float32(exp(code[2]/c.W)*f.w)*.5, float32(exp(code[3]/c.H)*f.h)*.5
	return Box{x - w, y - h, x + w, y + h}
}

func exp(v float32) float32 { return float32(math.Exp(float64(min(v, maxLogRatio)))) }
