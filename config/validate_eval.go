// SPDX-License-Identifier: MIT

package config

import (
	"cmp"
	"fmt"
	"slices"

	"seer/data/augment"
)

// entry is the path of an element of a list.
func entry(path string, i int) string { return fmt.Sprintf("%s.%d", path, i) }

func (c *checker) linear(l Linear) {
	c.labelled("linear", l.Train, l.Val, l.Kind, l.TrainSubset)
	c.oneOf("linear.solver", l.Solver, "sgd", "lbfgs")
	c.refuse(l.Solver == "lbfgs" && l.Augment, "linear.augment", l.Augment, "lbfgs works on features that are computed once: --set linear.augment=false")
	c.length("linear.duration", l.Duration)
	c.total("linear.duration", l.Duration)
	c.within("linear.batch", l.Batch, 1, maxProbeBatch)
	c.grid(l)
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

// maxHeads bounds the classifiers of a grid: each has weights, gradients and momentum.
const maxHeads = 1000

// grid checks what the probe tries at once.
func (c *checker) grid(l Linear) {
	c.refuse(len(l.Layers) == 0, "linear.layers", l.Layers, "name at least one, such as \"pool\"")
	c.refuse(len(l.BaseLR) == 0, "linear.base_lr", l.BaseLR, "give at least one rate")
	c.refuse(len(l.BatchNorm) == 0, "linear.batch_norm", l.BatchNorm, "give true, false or both")
	for i, layer := range l.Layers {
		c.refuse(slices.Contains(l.Layers[:i], layer), "linear.layers", layer.String(), "is named twice")
	}
	for i, rate := range l.BaseLR {
		path := "linear.base_lr"
		if len(l.BaseLR) > 1 {
			path = entry(path, i)
		}
		c.positive(path, rate)
		c.refuse(slices.Contains(l.BaseLR[:i], rate), path, rate, "is there twice")
	}
	c.refuse(len(l.BatchNorm) == 2 && l.BatchNorm[0] == l.BatchNorm[1] || len(l.BatchNorm) > 2, "linear.batch_norm", l.BatchNorm, "give true, false or both")
	heads := len(l.Layers) * len(l.BaseLR) * len(l.BatchNorm)
	c.refuse(heads > maxHeads, "linear.base_lr", heads, "classifiers in all, of %d layers, %d rates and %d kinds; allowed are up to %d", len(l.Layers), len(l.BaseLR), len(l.BatchNorm), maxHeads)
	c.refuse(l.Solver == "lbfgs" && heads > 1, "linear.solver", l.Solver, "fits one classifier: give linear.layers, linear.base_lr and linear.batch_norm one value each")
}

func (c *checker) knn(k KNN, l Linear) {
	train, val, kind := k.sources(l)
	c.labelled("knn", train, val, kind, k.TrainSubset)
	c.refuse(len(k.K) == 0, "knn.k", k.K, "give at least one number of neighbours")
	for _, n := range k.K {
		c.atLeast("knn.k", n, 1)
	}
	c.positive("knn.temperature", k.Temperature)
	c.within("knn.batch", k.Batch, 1, maxProbeBatch)
	c.resize("knn", k.Resize, k.Crop)
}

// probe checks what the looks during pretraining use.
func (c *checker) probe(e *Experiment) {
	never := e.Probe.Every.IsZero() || e.Probe.Every.Value == 0
	c.refuse(never && e.Run.KeepBest, "run.keep_best", e.Run.KeepBest, "needs probe.every: a probe tells which checkpoint is the best")
	if never {
		return
	}
	c.length("probe.every", e.Probe.Every)
	c.within("probe.images", e.Probe.Images, 0, maxProbeBatch)
	if e.ProbesKNN() {
		c.knn(e.KNN, e.Linear)
		return
	}
	c.refuse(e.Probe.Images == 0, "probe.images", e.Probe.Images, "must be over 0 where [knn] has no labelled images: nothing would be looked at")
	c.resize("knn", e.KNN.Resize, e.KNN.Crop)
}

// ProbesKNN tells whether pretraining looks at labelled images, too.
func (e *Experiment) ProbesKNN() bool {
	train, val, _ := e.KNNSources()
	return train != "" && val != ""
}

func (c *checker) svm(s SVM, l Linear) {
	train, val, kind := ownOr(l, s.Train, s.Val, s.Kind)
	c.labelled("svm", train, val, kind, s.TrainSubset)
	c.refuse(len(s.Costs) == 0, "svm.costs", s.Costs, "give at least one cost to choose from")
	for i, cost := range s.Costs {
		c.positive(entry("svm.costs", i), cost)
	}
	c.oneOf("svm.choice", s.Choice, "cross-validation", "test")
	for i, k := range s.Shots {
		c.atLeast(entry("svm.shots", i), k, 1)
	}
	c.within("svm.samples", s.Samples, 1, 1000)
	c.within("svm.batch", s.Batch, 1, maxProbeBatch)
	c.resize("svm", s.Resize, s.Crop)
	c.doubt(s.Choice == "test", "svm.choice", s.Choice, "chooses the cost on the images that it is judged by: compare it with VISSL's low-shot figures only")
}

// SVMSources are the labelled images of the machines: their own, or those of [linear].
func (e *Experiment) SVMSources() (train, val, kind string) {
	return ownOr(e.Linear, e.SVM.Train, e.SVM.Val, e.SVM.Kind)
}

// ownOr are a probe's own images, or those of [linear] where it has none, with the
// kind that belongs to them.
func ownOr(l Linear, train, val, kind string) (string, string, string) {
	if train == "" && val == "" && kind == "auto" {
		kind = l.Kind
	}
	return cmp.Or(train, l.Train), cmp.Or(val, l.Val), kind
}

// KNNSources are the labelled images of the vote: its own, or those of [linear] where
// it has none, with the kind that belongs to them.
func (e *Experiment) KNNSources() (train, val, kind string) { return e.KNN.sources(e.Linear) }

func (k KNN) sources(l Linear) (train, val, kind string) { return ownOr(l, k.Train, k.Val, k.Kind) }

func (c *checker) labelled(section, train, val, kind string, subset Subset) {
	c.refuse(train == "", section+".train", train, "say where the labelled training images are, for example --set %s.train=DIR", section)
	c.refuse(val == "", section+".val", val, "say where the labelled validation images are, for example --set %s.val=DIR", section)
	c.labelledKind(section+".kind", kind)
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
