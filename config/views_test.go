// SPDX-License-Identifier: MIT

package config

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/data/augment"
)

func TestCropsShareColours(t *testing.T) {
	e := Experiment{
		Crops: []Crop{{Count: 2, Size: 224, Scale: [2]float64{.14, 1}}, {Count: 4, Size: 96, Scale: [2]float64{.05, .14}}},
		Augment: Augment{Flip: .5, Gray: .2,
			Jitter: Jitter{P: .8, Brightness: .8, Contrast: .8, Saturation: .8, Hue: .2},
			Blur:   Blur{P: .5, Sigma: [2]float64{.1, 2}}},
	}
	require.Equal(t, augment.SEER(), e.Views())
}

// What the configuration allows, the crops take, and the other way round: there is one set of rules.
func TestOneValidatorOfCrops(t *testing.T) {
	for name, change := range map[string]func(*Experiment){
		"blur of 41 pixels":   func(e *Experiment) { e.Augment.Blur.Sigma = [2]float64{1, 41} },
		"blur of 40 pixels":   func(e *Experiment) { e.Augment.Blur.Sigma = [2]float64{1, 40} },
		"no blur, odd sigma":  func(e *Experiment) { e.Augment.Blur = Blur{Sigma: [2]float64{3, 1}} },
		"no blur, no sigma":   func(e *Experiment) { e.Augment.Blur = Blur{} },
		"sigma from 0":        func(e *Experiment) { e.Augment.Blur.Sigma = [2]float64{0, 1} },
		"brightness 101":      func(e *Experiment) { e.Augment.Jitter.Brightness = 101 },
		"contrast 1e9":        func(e *Experiment) { e.Augment.Jitter.Contrast = 1e9 },
		"saturation 100":      func(e *Experiment) { e.Augment.Jitter.Saturation = 100 },
		"hue 0.51":            func(e *Experiment) { e.Augment.Jitter.Hue = .51 },
		"ratio 101":           func(e *Experiment) { e.Crops[0].Ratio = [2]float64{1, 101} },
		"size 4096":           func(e *Experiment) { e.Crops[0].Size = 4096 },
		"size 4097":           func(e *Experiment) { e.Crops[0].Size = 4097 },
		"a hundred thousand":  func(e *Experiment) { e.Crops[0] = Crop{100000, 4096, [2]float64{.1, 1}, defaultRatio} },
		"count of 2^62":       func(e *Experiment) { e.Crops[0].Count = 1 << 62 },
		"count of -1":         func(e *Experiment) { e.Crops[0].Count = -1 },
		"twenty large crops":  func(e *Experiment) { e.Crops[0] = Crop{20, 4096, [2]float64{.1, 1}, defaultRatio} },
		"second group's size": func(e *Experiment) { e.Crops[1].Size = 0 },
	} {
		e := valid()
		change(e)
		e.SwAV.AssignCrops = []int{0}
		_, err := e.Validate(Pretrain)
		assert.Equal(t, e.Views().Validate() == nil, err == nil, "%s: %v against %v", name, e.Views().Validate(), err)
	}
	e := valid()
	e.Crops[0].Count, e.Crops[0].Size = 100000, 4096
	_, err := e.Validate(Pretrain)
	assert.ErrorContains(t, err, `crops = "100004 crops an image, 5.033e+12 bytes in all": at most 1073741824 bytes are allowed`)
}
