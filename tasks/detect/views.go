// SPDX-License-Identifier: MIT

package detect

import (
	"seer/config"
	"seer/data/augment"
	"seer/data/detection"
)

// drawer draws the view of an image: detection.ShortSide or detection.ScaleJitter.
type drawer interface {
	Draw(seed, epoch uint64, index int64, width, height int) detection.View
}

// Viewing is how images are seen: each fills the upper left corner of a square of Side pixels.
type Viewing struct {
	Side int
	drawer
	window int // 0: views have the size of their images
	seed   uint64
}

// TrainingViews are those of an experiment.
func TrainingViews(e *config.Experiment) Viewing {
	d, flip := e.Detect, e.Augment.Flip
	if d.Window > 0 {
		return Viewing{d.Window, detection.ScaleJitter{W: d.Window, H: d.Window, Low: d.Jitter[0], High: d.Jitter[1], Flip: flip, Convention: rounding(d)}, d.Window, e.Run.Seed}
	}
	return Viewing{d.Longest, detection.ShortSide{Sides: d.Sides, Longest: d.Longest, Flip: flip, Convention: rounding(d)}, 0, e.Run.Seed}
}

// ValidationViews are those of images to find objects in.
func ValidationViews(d config.Detect) Viewing {
	return Viewing{d.ValLongest, detection.ShortSide{Sides: []int{d.ValSide}, Longest: d.ValLongest, Convention: rounding(d)}, 0, 0}
}

// rounding is the convention's, of sizes.
func rounding(d config.Detect) detection.Convention {
	if d.Convention == "detectron2" {
		return detection.Detectron2
	}
	return detection.Torchvision
}

// Crops describe the squares to the loader.
func (v Viewing) Crops() augment.MultiCrop {
	return augment.MultiCrop{Groups: []augment.Group{{Kind: augment.Stretched, Count: 1, Size: v.Side}}}
}

// Crop draws a view for the loader. None is larger than the square: ShortSide is bounded by its longest side, ScaleJitter is a
// window.
func (v Viewing) Crop(pass uint64, index int64, width, height int) augment.Crop {
	c, err := v.Draw(v.seed, pass, index, width, height).Crop(v.Side)
	if err != nil {
		panic(err)
	}
	return c
}

// Of is the view that a crop was drawn for.
func (v Viewing) Of(c augment.Crop) detection.View {
	if v.window > 0 {
		return detection.ViewOf(c, v.window, v.window)
	}
	return detection.ViewOf(c, c.ScaledW, c.ScaledH)
}
