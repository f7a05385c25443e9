// SPDX-License-Identifier: MIT

package config

// oneView wants a single crop an image, which its label belongs to.
func (c *checker) oneView(crops []Crop, m Model) {
	const advice = "fine-tuning sees one view of an image: one [[crops]] table with count = 1"
	c.refuse(len(crops) != 1, "crops", len(crops), "%s", advice)
	if len(crops) != 1 {
		return
	}
	c.crop(entry("crops", 0), crops[0], m)
	c.refuse(crops[0].Count > 1, "crops.0.count", crops[0].Count, "%s", advice)
}

// maxLayers of a projection head bounds a typing error; SwAV's have two or three.
const maxLayers = 64

func (c *checker) finetune(f Finetune) {
	c.refuse(f.Val == "", "finetune.val", f.Val, "say where the labelled validation images are, for example --set finetune.val=DIR")
	c.labelledKind("finetune.kind", f.Kind)
	c.oneOf("finetune.sampling", f.Sampling, "uniform", "square-root", "class-balanced")
	c.within("finetune.projector_layers", f.ProjectorLayers, 0, maxLayers)
	for i, width := range f.Hidden {
		c.within(entry("finetune.hidden", i), width, 1, maxWidth)
	}
	c.refuse(!(f.LabelSmoothing >= 0 && f.LabelSmoothing < 1), "finetune.label_smoothing", f.LabelSmoothing, "must be 0 or more and below 1")
	c.notNegative("finetune.mixup", f.Mixup)
	c.notNegative("finetune.cutmix", f.Cutmix)
	c.positive("finetune.head_lr", f.HeadLR)
	c.refuse(!(f.EMA >= 0 && f.EMA < 1), "finetune.ema", f.EMA, "must be 0 (no average) or more and below 1")
	for key, softens := range map[string]float64{"label_smoothing": f.LabelSmoothing, "mixup": f.Mixup, "cutmix": f.Cutmix} {
		c.refuse(f.MultiLabel && softens != 0, "finetune."+key, softens, "shares one class an image out, and finetune.multi_label = true has any number; leave it out")
	}
	c.length("finetune.validate_every", f.ValidateEvery)
	c.resize("finetune", f.Resize, f.Crop)
}
