// SPDX-License-Identifier: MIT

package config

// Model is the trunk.
type Model struct {
	// Arch is a name of models/arch ("regnet_y_16gf", "resnet50", "vit_b_16", …) or "regnet_y" with
	// the five parameters below. Required for pretraining.
	Arch string `toml:"arch"`
	// Depth is the number of blocks (only with arch = "regnet_y").
	Depth int `toml:"depth"`
	// W0, WA, WM, GroupWidth are the RegNet paper's w_0, w_a, w_m and g
	// (arXiv 2003.13678, section 3.3; only with arch = "regnet_y").
	W0         int     `toml:"w0"`
	WA         float64 `toml:"wa"`
	WM         float64 `toml:"wm"`
	GroupWidth int     `toml:"group_width"`
}

// Memory is what a training step keeps of the trunk's forward pass until its backward pass;
// the rest is computed again there. Gradients are the same.
type Memory struct {
	// Checkpoint: "none" keeps everything; "selective" keeps what convolutions and linear
	// layers put out (about half the memory, a few per cent more time); "blocks" keeps the
	// input of each block (a fraction of the memory, about a third more time); "stages" the
	// input of each stage; "auto" takes what costs least time within Budget. Default "none".
	Checkpoint string `toml:"checkpoint"`
	// Budget is what a process may take of its device, weights and momentum included, as
	// "28GiB"; required for checkpoint = "auto".
	Budget Bytes `toml:"budget"`
}

// SwAV is the head, the prototypes and the assignment of SwAV.
type SwAV struct {
	// Hidden widths of the projection head between trunk and output; one Linear
	// each, followed by ReLU. Default [8192, 8192] (SEER from 64GF up).
	Hidden []int `toml:"hidden"`
	// Out is the width of the embedding. Default 256 (SEER; SwAV has 128).
	Out int `toml:"out"`
	// BatchNorm puts batch normalisation behind each hidden Linear. SEER's 8, 16 and
	// 32GF heads have it, the larger ones do not. Default false.
	BatchNorm bool `toml:"batch_norm"`
	// Prototypes is K. Default 16000 (SEER; SwAV on ImageNet has 3000).
	Prototypes int `toml:"prototypes"`
	// Temperature τ of the softmax. Default 0.1.
	Temperature float64 `toml:"temperature"`
	// Epsilon ε of the entropy term in Sinkhorn-Knopp; smaller is sharper.
	// Default 0.05 (SwAV; SEER's 10B has 0.03).
	Epsilon float64 `toml:"epsilon"`
	// SinkhornIterations of row and column normalisation. Default 10 (SEER; SwAV has 3).
	SinkhornIterations int `toml:"sinkhorn_iterations"`
	// AssignCrops are the crops whose assignments are the targets; they are of
	// the largest resolution. Default [0, 1].
	AssignCrops []int `toml:"assign_crops"`
	// QueueLength is the number of stored embeddings an assign crop, over all
	// processes, that join the batch in Sinkhorn; 0 is no queue. Default 0 (SwAV at
	// batch 256 has 3840).
	QueueLength int `toml:"queue_length"`
	// QueueStart is when the queue begins to be used. Default "0it" (SwAV: "15ep").
	QueueStart Duration `toml:"queue_start"`
	// FreezePrototypes is how long the prototypes get no gradient. Default "313it"
	// (SwAV: one epoch of ImageNet at batch 4096).
	FreezePrototypes Duration `toml:"freeze_prototypes"`
}

// Optim is SGD with momentum, its layer-wise adaptation and the parameter rules.
type Optim struct {
	// Batch is the number of images a step over all processes. Required. For gradient
	// accumulation in fine-tuning see train.accumulate; SwAV has none.
	Batch int `toml:"batch"`
	// BaseLR is the peak learning rate for BaseBatch images. Default 0.3 (SwAV).
	BaseLR float64 `toml:"base_lr"`
	// BaseBatch is the batch that BaseLR is given for. Default 256.
	BaseBatch int `toml:"base_batch"`
	// Scaling of the rate with the batch: "linear" (base_lr·batch/base_batch),
	// "sqrt" (base_lr·√(batch/base_batch)) or "none". Default "linear".
	Scaling string `toml:"scaling"`
	// Momentum of SGD, without dampening. Default 0.9.
	Momentum float64 `toml:"momentum"`
	// Nesterov momentum. Default false.
	Nesterov bool `toml:"nesterov"`
	// WeightDecay on every parameter, batch norm, biases and prototypes included,
	// as VISSL has it. Default 1e-5 (SEER; SwAV has 1e-6).
	WeightDecay float64 `toml:"weight_decay"`
	// Adaptation of the rate a parameter: "larc", "lars" or "none". Default "larc".
	Adaptation string `toml:"adaptation"`
	// TrustCoefficient is that of the adaptation. Default 0.001.
	TrustCoefficient float64 `toml:"trust_coefficient"`
	// Rules that make parameters differ; the first match wins. Default: none, all
	// parameters alike. When there are rules, they must cover every parameter.
	Rules []Rule `toml:"rules"`
}

// Rule changes how the parameters it matches are optimised.
type Rule struct {
	// Match is a regular expression (RE2) that must match the whole name.
	Match string `toml:"match"`
	// LRMult multiplies the learning rate. Default 1.
	LRMult *float64 `toml:"lr_mult,omitempty"`
	// WeightDecay instead of optim.weight_decay.
	WeightDecay *float64 `toml:"weight_decay,omitempty"`
	// Adapt switches the layer-wise adaptation. Default: as optim.adaptation says.
	Adapt *bool `toml:"adapt,omitempty"`
	// Freeze for the whole run: no gradient, no weight decay, no momentum.
	Freeze bool `toml:"freeze,omitempty"`
	// FreezeUntil this time, counted from the run's start.
	FreezeUntil Duration `toml:"freeze_until,omitempty"`
}

// Schedule of the learning rate over a run. The formulas are in optim/schedule.
type Schedule struct {
	// Kind: "cosine", "constant", "step" or "plateau". Default "cosine".
	Kind string `toml:"kind"`
	// Warmup is the length of the linear rise at the start. Default "0it".
	Warmup Duration `toml:"warmup"`
	// WarmupStart is the learning rate at step 0, as it is, not scaled with the batch.
	// Default 0 (SEER: 0.15; SwAV: 0.3).
	WarmupStart float64 `toml:"warmup_start"`
	// EndFactor: the cosine ends at the peak times this. Default 0.001 (SwAV, SEER).
	EndFactor float64 `toml:"end_factor"`
	// Phase of the cosine behind a warm-up: "global" (VISSL and SEER: the cosine of
	// the whole run, entered in the middle) or "restart" (SwAV: it starts at the
	// peak when the warm-up ends). Default "global".
	Phase string `toml:"phase"`
	// Milestones of kind "step": the rate is multiplied by Gamma at each.
	Milestones []Duration `toml:"milestones"`
	// Gamma of kind "step". Default 0.1.
	Gamma float64 `toml:"gamma"`
	// Window of kind "plateau": the rate is multiplied by Factor when the mean loss of
	// a window is not lower than the best before it. Default "1000it".
	Window Duration `toml:"window"`
	// Factor of kind "plateau". Default 0.5.
	Factor float64 `toml:"factor"`
	// Threshold is the relative improvement that counts as one. Default 0.001.
	Threshold float64 `toml:"threshold"`
}

// Train is how long the run is.
type Train struct {
	// Duration of the whole run: "100ep", "122070it", "1e9img". Required. Epochs and
	// images count whole steps that fit; epochs follow each other without a gap.
	Duration Duration `toml:"duration"`
	// Accumulate has a process do its part of a batch in so many passes, whose gradients are
	// added up: a large batch in the memory of a small one. Fine-tuning only: SwAV assigns
	// the images of a batch together. Batch norm takes its statistics from each pass, as it
	// does of so many processes with mesh.batch_norm_group = 1; with layer norm the result is
	// that of one pass. Default 1.
	Accumulate int `toml:"accumulate"`
}

// Finetune is training with labels from a pretrained trunk. The images are those of
// [data], whose source must have labels (its kind may be that of a published data set, as
// in [linear]); one entry of [[crops]], [augment], [optim],
// [schedule] and [train] say how. It is not part of pretraining.
type Finetune struct {
	// Val is the labelled source to validate on; Kind is as in [linear]. Required.
	Val  string `toml:"val"`
	Kind string `toml:"kind"`
	// MultiLabel is for images with any number of classes (kinds "voc", "coco",
	// "openimages"): binary cross-entropy of every class, without those that are not
	// known of an image, and mean average precision. Default false: one class an image.
	MultiLabel bool `toml:"multi_label"`
	// Sampling is how often classes are drawn: "uniform" (every image alike),
	// "square-root" (a class in proportion to the root of its number of images) or
	// "class-balanced" (every class alike). With multi_label images are drawn for each of
	// their classes, those without any are not. Default "uniform".
	Sampling string `toml:"sampling"`
	// ClassWeights multiply the loss of a class's images; with multi_label, of its
	// positives. "balanced": so that every class counts alike (images/(classes·images of
	// the class); negatives/positives), or a CSV file with a line "class,weight" for each.
	// Default "": all count as they come.
	ClassWeights string `toml:"class_weights"`
	// Hidden widths of the head between trunk and classes: one Linear each, with batch
	// norm and ReLU (VISSL's MLP heads). Default: none, one Linear (SEER).
	Hidden []int `toml:"hidden"`
	// ProjectorLayers is the number of hidden layers of SwAV's head, from the trunk on,
	// that stay, with their weights and the trunk's learning rate; hidden ones follow
	// them. Default 0 (SimCLR v2, and VISSL's "swav_head" of SEER's 256GF: 1).
	ProjectorLayers int `toml:"projector_layers"`
	// LabelSmoothing is the share of the target that all classes get alike. Default 0.
	LabelSmoothing float64 `toml:"label_smoothing"`
	// Mixup mixes the images of a batch in pairs, and their labels, by shares of
	// Beta(mixup, mixup); Cutmix exchanges a rectangle. With both, each step takes one.
	// Default 0: neither.
	Mixup  float64 `toml:"mixup"`
	Cutmix float64 `toml:"cutmix"`
	// HeadLR multiplies the learning rate of the head, which starts from nothing;
	// optim.rules multiply further. Default 1.
	HeadLR float64 `toml:"head_lr"`
	// DecayNorm puts optim.weight_decay on the scales and shifts of batch norm and layer
	// norm, too. Default false (VISSL's regularize_bn).
	DecayNorm bool `toml:"decay_norm"`
	// DecayBias puts it on the biases of convolutions and Linears; with decay_norm, on
	// the shifts of norms. Default true (VISSL's regularize_bias).
	DecayBias bool `toml:"decay_bias"`
	// EMA is the decay of an exponential moving average of the weights, which is what is
	// validated and what predictions, exports and probes of the run use. Default 0:
	// there is none (VISSL's hook has 0.9999).
	EMA float64 `toml:"ema"`
	// ValidateEvery is the interval between validations; one always ends the run.
	// Default "1ep".
	ValidateEvery Duration `toml:"validate_every"`
	// Resize is the short side before the centre crop, in pixels. Default 256.
	Resize int `toml:"resize"`
	// Crop is the input size of validation, in pixels. Default 224.
	Crop int `toml:"crop"`
}

// Linear is the linear probe: a frozen trunk and one Linear trained on its features. The
// defaults are VISSL's ImageNet probe of SEER. Several values of layers, batch_norm and
// base_lr are a grid of classifiers, trained beside each other in one pass over the
// images; the best on the validation images is the result.
type Linear struct {
	// Train and Val are labelled sources; Kind is as in [data], or the name of a data set
	// that lies in one folder as it is published: "imagenet", "places", "inaturalist",
	// "openimages", "voc", "coco" (docs/labelled.md). Both are required.
	Train string `toml:"train"`
	Val   string `toml:"val"`
	Kind  string `toml:"kind"`
	// TrainSubset restricts the training images (low-shot). Default: all.
	TrainSubset Subset `toml:"train_subset"`
	// Solver: "sgd", or "lbfgs": multinomial logistic regression in float64 on features
	// that are computed once, its C chosen on a tenth of the training images among 45 from
	// 1e-6 to 1e5 (DINOv2). That needs augment = false and looks at none of the keys from
	// here to batch_norm but batch. Default "sgd".
	Solver string `toml:"solver"`
	// Duration of the training. Default "28ep".
	Duration Duration `toml:"duration"`
	// Layers of the trunk whose outputs are features, each for classifiers of its own:
	// "pool", the pooled features; "stage3:2x1", the maps behind a stage, averaged over 2×1
	// cells (VISSL's res4 with AdaptiveAvgPool2d(2, 1)); of a transformer "blocks4", the
	// class tokens of the last four blocks, or "blocks4+mean", with the mean of the last
	// one's patches (DINOv2). Default ["pool"].
	Layers []Layer `toml:"layers"`
	// Batch of the training. Default 256.
	Batch int `toml:"batch"`
	// BaseLR for a batch of 256, scaled linearly; one or a list. Default 0.01.
	BaseLR Several[float64] `toml:"base_lr"`
	// Momentum of SGD. Default 0.9.
	Momentum float64 `toml:"momentum"`
	// Nesterov momentum. Default true.
	Nesterov bool `toml:"nesterov"`
	// WeightDecay. Default 5e-4.
	WeightDecay float64 `toml:"weight_decay"`
	// Schedule: "step", "cosine" (to 0) or "constant". Default "step".
	Schedule string `toml:"schedule"`
	// Milestones of "step". Default ["8ep", "16ep", "24ep"].
	Milestones []Duration `toml:"milestones"`
	// Gamma of "step". Default 0.1.
	Gamma float64 `toml:"gamma"`
	// BatchNorm puts a trainable batch norm before the Linear ("eval_mlp" in VISSL); one or
	// a list. Default true.
	BatchNorm Several[bool] `toml:"batch_norm"`
	// DecayBatchNorm puts weight_decay on the scale and shift of the batch norm, too. Default
	// false (VISSL's regularize_bn).
	DecayBatchNorm bool `toml:"decay_batch_norm"`
	// Augment trains on random resized crops with flips; without it on centre crops,
	// whose features are computed once. Default true.
	Augment bool `toml:"augment"`
	// Scale is the range of the random crop's area. Default [0.08, 1] (torchvision).
	Scale [2]float64 `toml:"scale"`
	// Resize is the short side before the centre crop, in pixels. Default 256.
	Resize int `toml:"resize"`
	// Crop is the input size, in pixels. Default 224.
	Crop int `toml:"crop"`
}

// KNN is the weighted nearest-neighbour vote: every neighbour votes with
// exp(similarity/Temperature).
type KNN struct {
	// Train and Val are labelled sources, Kind is as in [linear]; empty means those there.
	Train string `toml:"train"`
	Val   string `toml:"val"`
	Kind  string `toml:"kind"`
	// TrainSubset restricts the images that vote. Default: all.
	TrainSubset Subset `toml:"train_subset"`
	// K is the number of neighbours, or a list of numbers that are tried in one pass, the best
	// of which is the result. Default 200 (VISSL on ImageNet; DINOv2: [10, 20, 100, 200]).
	K Several[int] `toml:"k"`
	// Layer of the trunk whose output is the features, as in linear.layers. Default "pool".
	Layer Layer `toml:"layer"`
	// Temperature of the vote. Default 0.1 (VISSL on ImageNet; 0.07 for its 10B).
	Temperature float64 `toml:"temperature"`
	// Batch of the feature extraction. Default 256.
	Batch int `toml:"batch"`
	// Resize is the short side before the centre crop, in pixels. Default 256.
	Resize int `toml:"resize"`
	// Crop is the input size, in pixels. Default 224.
	Crop int `toml:"crop"`
}

// SVM is a linear support vector machine for each class on the features of a frozen
// trunk (VISSL's protocol): squared hinge, features divided by their length, costs chosen.
type SVM struct {
	// Train and Val are labelled sources, Kind is as in [linear]; empty means those there.
	Train string `toml:"train"`
	Val   string `toml:"val"`
	Kind  string `toml:"kind"`
	// TrainSubset restricts the training images. Default: all.
	TrainSubset Subset `toml:"train_subset"`
	// Layer of the trunk whose output is the features, as in linear.layers. Default "pool".
	Layer Layer `toml:"layer"`
	// Costs are the candidates for C. Default: VISSL's, from 0.01 to 1000.
	Costs []float64 `toml:"costs"`
	// Choice of the cost: "cross-validation" on the training images, a class at a time,
	// or "test": the one that is best on the validation images, as VISSL's low-shot
	// figures have it, which flatters. Default "cross-validation".
	Choice string `toml:"choice"`
	// Shots are numbers of training images a class, for low-shot figures beside that of
	// all images. Default: none (VISSL: 1 to 96).
	Shots []int `toml:"shots"`
	// Samples are the independent draws of each number of shots. Default 5 (VISSL).
	Samples int `toml:"samples"`
	// Batch of the feature extraction. Default 256.
	Batch int `toml:"batch"`
	// Resize is the short side before the centre crop, in pixels. Default 256.
	Resize int `toml:"resize"`
	// Crop is the input size, in pixels. Default 224.
	Crop int `toml:"crop"`
}

// Probe looks at what the trunk has learned while pretraining goes on: k-NN with the
// settings and images of [knn], where there are any, and RankMe (arXiv 2210.02885), which
// needs no labels. It changes nothing of the run.
type Probe struct {
	// Every is the interval between two looks; one always ends the run. Default "0it": never.
	Every Duration `toml:"every"`
	// Images of data.source whose features RankMe looks at, as centre crops of [knn].
	// Default 2048; 0: none.
	Images int `toml:"images"`
}
