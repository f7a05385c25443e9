// SPDX-License-Identifier: MIT

package config

import (
	"slices"

	"seer/data/augment"
)

// Views is the multi-crop augmentation of pretraining: one group for each entry of [[crops]], all with the same colours,
// blur and flip.
func (e *Experiment) Views() augment.MultiCrop { return views(e.Crops, e.Augment) }

func views(crops []Crop, a Augment) augment.MultiCrop {
	var spec augment.MultiCrop
	for _, c := range crops {
		spec.Groups = append(spec.Groups, augment.Group{
			Kind: augment.RandomResized, Count: c.Count, Size: c.Size, Scale: c.Scale, Ratio: c.Ratio,
			Bicubic: a.Bicubic(), Flip: a.Flip, Gray: a.Gray,
			Jitter: augment.Jitter{P: a.Jitter.P, Brightness: a.Jitter.Brightness, Contrast: a.Jitter.Contrast,
				Saturation: a.Jitter.Saturation, Hue: a.Jitter.Hue},
			Blur: augment.Blur{P: a.Blur.P, Min: a.Blur.Sigma[0], Max: a.Blur.Sigma[1]},
		})
	}
	return spec
}

// Bicubic tells whether resizes are.
func (a Augment) Bicubic() bool { return a.Interpolation == "bicubic" }

// views checks crops and colours by the rules of package augment, which knows what it can do.
func (c *checker) views(crops []Crop, a Augment) {
	c.oneOf("augment.interpolation", a.Interpolation, "bilinear", "bicubic")
	if len(crops) == 0 { // which is refused elsewhere; colours are checked all the same
		crops = []Crop{{Count: 1, Size: 32}}
	}
	for _, p := range views(crops, a).Problems() {
		path := "augment." + p.Field
		switch {
		case p.Group < 0:
			c.refuse(true, "crops", p.Value, "%s", p.Allowed)
			continue
		case slices.Contains([]string{"count", "size", "scale", "ratio"}, p.Field):
			path = entry("crops", p.Group) + "." + p.Field
		case p.Group > 0:
			continue // colours are those of the first group
		}
		c.refuse(true, path, p.Value, "must be %s", p.Allowed)
	}
}

// probeViews checks the crops of an evaluation.
func (c *checker) probeViews(section string, spec augment.MultiCrop) {
	for _, p := range spec.Problems() {
		field := map[string]string{"size": "crop"}[p.Field]
		if field == "" {
			field = p.Field
		}
		c.refuse(true, section+"."+field, p.Value, "must be %s", p.Allowed)
	}
}
