// SPDX-License-Identifier: MIT

package config

import (
	"cmp"
	"fmt"

	"seer/data/augment"
)

// entry is the path of an element of a list.
func entry(path string, i int) string { return fmt.Sprintf("%s.%d", path, i) }

func (c *checker) linear(l Linear) {
	c.labelled("linear", l.Train, l.Val, l.Kind, l.TrainSubset)
	c.length("linear.duration", l.Duration)
	c.total("linear.duration", l.Duration)
	c.within("linear.batch", l.Batch, 1, maxProbeBatch)
	c.positive("linear.base_lr", l.BaseLR)
	c.momentum("linear", l.Momentum, l.Nesterov)
	c.notNegative("linear.weight_decay", l.WeightDecay)
	c.oneOf("linear.schedule", l.Schedule, "step", "cosine", "constant")
	c.steps("linear", l.Schedule == "step", l.Milestones, l.Gamma)
	c.refuse(l.Scale == [2]float64{}, "linear.scale", l.Scale, "say which share of the image's area a crop has, such as [0.08, 1.0]")
	random := augment.RandomResizedCropFlip(max(l.Crop, 1))
	random.Groups[0].Scale = l.Scale
	c.probeViews("linear", random)
	c.resize("linear", l.Resize, l.Crop)
}

func (c *checker) knn(k KNN, l Linear) {
	train, val, kind := k.sources(l)
	c.labelled("knn", train, val, kind, k.TrainSubset)
	c.atLeast("knn.k", k.K, 1)
	c.positive("knn.temperature", k.Temperature)
	c.within("knn.batch", k.Batch, 1, maxProbeBatch)
	c.resize("knn", k.Resize, k.Crop)
}

// KNNSources are the labelled images of the vote: its own, or those of [linear] where
// it has none, with the kind that belongs to them.
func (e *Experiment) KNNSources() (train, val, kind string) { return e.KNN.sources(e.Linear) }

func (k KNN) sources(l Linear) (train, val, kind string) {
	kind = k.Kind
	if k.Train == "" && k.Val == "" && kind == "auto" {
		kind = l.Kind
	}
	return cmp.Or(k.Train, l.Train), cmp.Or(k.Val, l.Val), kind
}

func (c *checker) labelled(section, train, val, kind string, subset Subset) {
	c.refuse(train == "", section+".train", train, "say where the labelled training images are, for example --set %s.train=DIR", section)
	c.refuse(val == "", section+".val", val, "say where the labelled validation images are, for example --set %s.val=DIR", section)
	c.kind(section+".kind", kind)
	c.subset(section+".train_subset", subset)
}

// maxProbeBatch is far over any batch that helps; it bounds a typing error.
const maxProbeBatch = 1 << 20

// resize checks the evaluation transform: short side, then centre crop.
func (c *checker) resize(section string, resize, crop int) {
	c.refuse(resize == 0, section+".resize", resize, "must be 1 to %d pixels", augment.MaxSize)
	c.probeViews(section, augment.Eval(resize, crop))
	c.doubt(resize > 0 && crop > resize, section+".crop", crop, "is larger than the resized side of %d; the border is black", resize)
}
