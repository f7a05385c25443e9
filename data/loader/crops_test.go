// SPDX-License-Identifier: MIT

package loader

import (
	"bytes"
	"image"
	_ "image/jpeg"
	_ "image/png"
	"testing"

	"github.com/stretchr/testify/require"

	"seer/data/augment"
)

// Whoever follows something through the crops finds how each was made, also of an image that took another's place and in
// a pass that leaves images out.
func TestKeptCropsAreThoseOfTheImage(t *testing.T) {
	for name, change := range map[string]func(*BatchOptions){
		"training":   func(o *BatchOptions) { o.Steps, o.Epochs = 7, 0 },
		"evaluation": func(o *BatchOptions) { o.Sequential, o.Crops = true, augment.Eval(20, 16) },
	} {
		files := images(20).spoil(2, 5, 6)
		opt := options(files)
		opt.KeepCrops, opt.MaxBadFraction = true, .9
		change(&opt)
		seen := 0
		for b, err := range load(t, opt).All(t.Context()) {
			require.NoError(t, err)
			require.Len(t, b.Crops, b.Size(), name)
			for i, index := range b.Indices {
				size, _, err := image.DecodeConfig(bytes.NewReader(files.files[index]))
				require.NoError(t, err)
				epoch, _ := (newPlanOf(opt)).at(b.Step, i)
				require.Equal(t, opt.Crops.Append(nil, opt.Seed, epoch, index, size.Width, size.Height), b.Crops[i], name)
				seen++
			}
		}
		require.Greater(t, seen, 15)
	}
	for b, err := range load(t, options(images(6))).All(t.Context()) {
		require.NoError(t, err)
		require.Nil(t, b.Crops, "nobody asked")
		break
	}
}

// newPlanOf is the plan of a loader with these options.
func newPlanOf(opt BatchOptions) *plan {
	if err := opt.normalise(); err != nil {
		panic(err)
	}
	p := newPlan(&opt)
	return &p
}
