// SPDX-License-Identifier: MIT

package config

// Detect is Mask R-CNN with a feature pyramid on a pretrained trunk, trained on images with boxes and masks. The images are
// those of data.source whose names the annotations list. augment.flip mirrors them; their colours stay. The defaults are
// torchvision's and detectron2's common ones; what the two do differently is the convention's.
type Detect struct {
	// Annotations is COCO's file for the images of data.source, such as instances_train2017.json. Required.
	Annotations string `toml:"annotations"`
	// Val is the source of the images to validate on, and ValAnnotations their file. Required.
	Val            string `toml:"val"`
	ValAnnotations string `toml:"val_annotations"`
	// EmptyImages keeps training images without objects: all of them is background. Crowds, and objects without an
	// outline, are left out always. Default false.
	EmptyImages bool `toml:"empty_images"`

	// Convention is whose anchors, RoIAlign, losses and mask targets are used: "torchvision" or "detectron2" (SEER).
	// Default "torchvision".
	Convention string `toml:"convention"`
	// Width is the number of channels of the pyramid and of the heads' convolutions. Default 256.
	Width int `toml:"width"`
	// ProposalConvs are the 3×3 convolutions of the network that proposes regions. Default 1; newer baselines have 2.
	ProposalConvs int `toml:"proposal_convs"`
	// BoxConvs 3×3 convolutions and BoxLinears linear layers of BoxWidth look at the box of a region. Default 0, 2 and 1024;
	// newer baselines have 4 and 1.
	BoxConvs   int `toml:"box_convs"`
	BoxLinears int `toml:"box_linears"`
	BoxWidth   int `toml:"box_width"`
	// MaskConvs are the 3×3 convolutions that draw masks. Default 4.
	MaskConvs int `toml:"mask_convs"`
	// Regions is how many regions of an image the heads learn from, a quarter of them objects at most. Default 512.
	Regions int `toml:"regions"`

	// TrunkNorm is what the trunk's batch norm does: "frozen" keeps the statistics, scales and shifts of pretraining,
	// "trained" takes those of the batch (of all processes: mesh.batch_norm_group) and learns scales and shifts (SEER).
	// Default "frozen".
	TrunkNorm string `toml:"trunk_norm"`
	// PyramidNorm and HeadNorm put batch norm behind the convolutions of the pyramid (SEER) and of the heads. Default false.
	PyramidNorm bool `toml:"pyramid_norm"`
	HeadNorm    bool `toml:"head_norm"`
	// PreciseImages is the number of training images that the running statistics of trained batch norm are computed from
	// before each validation, with the weights as they are then (detectron2's precise batch norm: 200 batches). 0: they stay
	// as training leaves them. Default 3200.
	PreciseImages int `toml:"precise_images"`
	// FreezeStages is how much of the trunk does not learn: 1 the stem, 2 the first stage too, and so on; for frozen batch norm
	// only. Default 0 (SEER); detectron2's and torchvision's ResNets have 2.
	FreezeStages int `toml:"freeze_stages"`
	// DecayNorm puts optim.weight_decay on the scales and shifts of batch norm, too. Default false (detectron2).
	DecayNorm bool `toml:"decay_norm"`

	// Sides are the lengths, in pixels, that the shorter side of a training image gets by chance, unless the longer one would
	// pass Longest. Default [640, 672, 704, 736, 768, 800] and 1333 (detectron2); torchvision's own references have 800.
	Sides   []int `toml:"sides"`
	Longest int   `toml:"longest"`
	// Window, if not 0, takes large-scale jitter instead: the image is fitted into a square window of that many pixels, scaled by
	// a factor drawn from Jitter, and cut or padded to the window. Default 0, and [0.1, 2.0]; published baselines have 1024.
	Window int        `toml:"window"`
	Jitter [2]float64 `toml:"jitter"`
	// ValSide and ValLongest are those of images to validate on, and of predictions. Default 800 and 1333.
	ValSide    int `toml:"val_side"`
	ValLongest int `toml:"val_longest"`

	// ValidateEvery is the interval between validations; one always ends the run. Default "1ep".
	ValidateEvery Duration `toml:"validate_every"`
}

// defaultDetect is what torchvision and detectron2 agree on.
func defaultDetect() Detect {
	return Detect{
		Convention: "torchvision", Width: 256, ProposalConvs: 1, BoxLinears: 2, BoxWidth: 1024, MaskConvs: 4, Regions: 512,
		TrunkNorm: "frozen", PreciseImages: 3200,
		Sides: []int{640, 672, 704, 736, 768, 800}, Longest: 1333, Jitter: [2]float64{0.1, 2}, ValSide: 800, ValLongest: 1333,
		ValidateEvery: Duration{1, Epochs},
	}
}

// maxSide bounds the squares that images are decoded into.
const maxSide = 4096

func (c *checker) detect(d Detect) {
	c.refuse(d.Annotations == "", "detect.annotations", d.Annotations, "name COCO's file for the images of data.source, for example --set detect.annotations=instances_train2017.json")
	c.refuse(d.Val == "", "detect.val", d.Val, "say where the images to validate on are, for example --set detect.val=DIR")
	c.refuse(d.ValAnnotations == "", "detect.val_annotations", d.ValAnnotations, "name COCO's file for the images of detect.val, for example --set detect.val_annotations=instances_val2017.json")
	c.oneOf("detect.convention", d.Convention, "torchvision", "detectron2")
	c.oneOf("detect.trunk_norm", d.TrunkNorm, "frozen", "trained")
	c.within("detect.width", d.Width, 1, maxWidth)
	c.within("detect.proposal_convs", d.ProposalConvs, 1, maxLayers)
	c.within("detect.box_convs", d.BoxConvs, 0, maxLayers)
	c.within("detect.box_linears", d.BoxLinears, 1, maxLayers)
	c.within("detect.box_width", d.BoxWidth, 1, maxWidth)
	c.within("detect.mask_convs", d.MaskConvs, 1, maxLayers)
	c.within("detect.regions", d.Regions, 4, maxWidth)
	c.within("detect.precise_images", d.PreciseImages, 0, maxBatch)
	c.within("detect.freeze_stages", d.FreezeStages, 0, 5)
	c.refuse(d.FreezeStages > 0 && d.TrunkNorm != "frozen", "detect.freeze_stages", d.FreezeStages, "is for detect.trunk_norm = \"frozen\": batch norm of stages that do not learn would still move; set it to 0, or freeze the trunk's batch norm")
	c.detectViews(d)
	c.length("detect.validate_every", d.ValidateEvery)
}

// detectViews checks sizes; a longer side without a bound would have no square to be decoded into.
func (c *checker) detectViews(d Detect) {
	c.refuse(len(d.Sides) == 0, "detect.sides", d.Sides, "give the shorter side at least one length, such as [800]")
	for i, side := range d.Sides {
		c.within(entry("detect.sides", i), side, 1, min(maxSide, max(d.Longest, 1)))
	}
	c.within("detect.longest", d.Longest, 1, maxSide)
	c.within("detect.window", d.Window, 0, maxSide)
	c.refuse(!(d.Jitter[0] > 0 && d.Jitter[0] <= d.Jitter[1] && d.Jitter[1] <= 10), "detect.jitter", d.Jitter, "must be two factors, over 0, ascending, at most 10")
	c.within("detect.val_longest", d.ValLongest, 1, maxSide)
	c.within("detect.val_side", d.ValSide, 1, min(maxSide, max(d.ValLongest, 1)))
}

// ResolveDetect is Resolve for detection.
func (e *Experiment) ResolveDetect(images int64, world int) (*Resolved, []Problem, error) {
	p, warnings, err := e.ResolveFinetune(images, world)
	if err != nil {
		return nil, warnings, err
	}
	r := resolver{scale: Scale{Images: images, Batch: int64(e.Optim.Batch), Total: p.Steps}}
	p.ValidateEvery = r.steps("detect.validate_every", e.Detect.ValidateEvery)
	return p, warnings, r.err()
}
