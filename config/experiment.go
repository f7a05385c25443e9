// SPDX-License-Identifier: MIT

package config

// Version is the only format of the file this program reads. It changes when a
// key changes its meaning, never when keys are added.
const Version = 1

// Experiment is one TOML file, decoded over the defaults.
//
// Every field below says its unit, its default and where the default comes from.
// "SwAV" is arXiv 2006.09882 and its released code, "SEER" is arXiv 2103.01988
// with the configurations that VISSL released for it.
type Experiment struct {
	// Version of the file format; required, so that an old file is refused and
	// not misread. Allowed: 1.
	Version int `toml:"version"`
	// Name of the experiment: of its run folder, where run.dir does not say another,
	// and in results. Default: the file's name without ".toml".
	Name string `toml:"name"`
	// Base is another TOML file, relative to this one, whose values this file
	// overlays: tables merge, arrays are replaced as a whole. At most two levels.
	// Empty once loaded: a loaded experiment stands on its own.
	Base string `toml:"base,omitempty"`

	Run      Run      `toml:"run"`
	Mesh     Mesh     `toml:"mesh"`
	Memory   Memory   `toml:"memory"`
	Data     Data     `toml:"data"`
	Crops    []Crop   `toml:"crops"`
	Augment  Augment  `toml:"augment"`
	Model    Model    `toml:"model"`
	SwAV     SwAV     `toml:"swav"`
	Optim    Optim    `toml:"optim"`
	Schedule Schedule `toml:"schedule"`
	Train    Train    `toml:"train"`
	Finetune Finetune `toml:"finetune"`
	Detect   Detect   `toml:"detect"`
	Linear   Linear   `toml:"linear"`
	KNN      KNN      `toml:"knn"`
	Probe    Probe    `toml:"probe"`
	SVM      SVM      `toml:"svm"`
}

// Run is where and on what the experiment runs.
type Run struct {
	// Dir is the run folder: resolved configuration, metrics, checkpoints. A folder
	// that already holds a checkpoint is continued. Default "runs/<name>".
	Dir string `toml:"dir"`
	// Seed of weights, data order and augmentation. Default 0 (VISSL's).
	Seed uint64 `toml:"seed"`
	// Device: "auto" (the first GPU when there is one), "cpu", "cuda" (the first) or
	// "cuda:1". Default "auto".
	Device string `toml:"device"`
	// Precision of the trunk's arithmetic: "fp32", "bf16" or "fp16" (with loss
	// scaling). Scores, assignments, loss and batch statistics are fp32 always.
	// Default "fp32".
	Precision string `toml:"precision"`
	// OnNonfinite is what becomes of a step whose loss or gradient is NaN or infinite:
	// "stop" ends the run there, "skip" leaves the step out: weights, statistics and queue
	// stay, it is counted, and the next images follow. Either way its tensors are kept for
	// seer replay. Gradients that overflow float16 are skipped always. Default "stop".
	OnNonfinite string `toml:"on_nonfinite"`
	// Rollbacks is how often a start may go back by itself to the last good checkpoint, and on
	// with other images and crops: from a step that ends the run (see OnNonfinite), and from a
	// loss that has jumped and stays up. Default 0: such a step ends the run, such a loss is a
	// warning.
	Rollbacks int `toml:"rollbacks"`
	// MaxSkippedSteps in a row end the run. With precision = "fp16" each has halved the
	// loss scale, and after 30 it is down from 65536 to below 1e-4. Default 30.
	MaxSkippedSteps int `toml:"max_skipped_steps"`
	// Threads libtorch computes with on the CPU; 0 means $OMP_NUM_THREADS, or one for
	// each CPU that the process may use (affinity, container's limit). Default 0.
	Threads int `toml:"threads"`
	// ChannelsLast is the memory format of the trunk: "on", "off", or "auto": a run
	// measures both before its first step and keeps the faster one, evaluations of its
	// weights take the same, and other weights are evaluated channels-last (on a GPU in
	// fp32: not). Default "auto".
	ChannelsLast string `toml:"channels_last"`
	// TF32 lets convolutions in fp32 on a GPU round their factors to 10 bits of mantissa, as
	// PyTorch's do: several times as fast. Matrix products, and with them scores and
	// assignments, never do. Default true.
	TF32 bool `toml:"tf32"`
	// Deterministic makes a GPU give the same bits each time, where libtorch can, so that a
	// run that was stopped ends as one that was not. Slower; a CPU always does. Default false.
	Deterministic bool `toml:"deterministic"`
	// LogEvery is the interval between lines of metrics.jsonl. Default "10it".
	LogEvery Duration `toml:"log_every"`
	// CheckpointEvery is the interval between checkpoints; one is always written at
	// the end and on a signal. Default "1000it".
	CheckpointEvery Duration `toml:"checkpoint_every"`
	// Keep is how many checkpoints stay, newest first; 0 keeps all. Default 2.
	Keep int `toml:"keep"`
	// KeepEvery also keeps those whose step is a multiple of this interval. Default "0it":
	// none.
	KeepEvery Duration `toml:"keep_every"`
	// KeepBest also keeps the checkpoint that did best so far: in [probe]'s k-NN, or RankMe
	// without it; in validation, of a fine-tuning. One is written when it is found, and the
	// link "best" in the run folder leads to it. Default false.
	KeepBest bool `toml:"keep_best"`
}

// Mesh is how the processes of a run work together. How many there are, and who is which, is
// for their launcher to say, and not for the experiment: it gives the same on any number.
type Mesh struct {
	// BatchNormGroup is how many processes share the statistics of batch norm, neighbours in
	// rank: a divisor of their number; 0, or more than there are, means all, 1 each by itself.
	// Only with all of them does a run not depend on how many there are. SEER: 64. Default 0.
	BatchNormGroup int `toml:"batch_norm_group"`
	// ShardMomentum has each process keep the momentum of its share of the parameters, and
	// update these (ZeRO, stage 1): less memory, half as many bytes sent again. Results and
	// checkpoints are those without. Default false.
	ShardMomentum bool `toml:"shard_momentum"`
	// FirstTimeoutSeconds is how long processes wait for each other until the first step is done,
	// and while rank 0 works alone: checkpoints, probes, validation. Default 1800.
	FirstTimeoutSeconds float64 `toml:"first_timeout_seconds"`
	// TimeoutSeconds is how long they wait in any other step, before the one that does not answer
	// is named and the run ends. Default 300.
	TimeoutSeconds float64 `toml:"timeout_seconds"`
}

// Data is the images to pretrain on.
type Data struct {
	// Source: a folder, a list of files, tar shards (a folder of them or a pattern
	// with * or {000..127}, or URLs with braces: https, s3, gs, azblob), an IDX file, a
	// list of image URLs (text or parquet) or an index built from any of these.
	// A relative path starts at the working directory. Required for pretraining.
	Source string `toml:"source"`
	// Kind of the source: "auto" (from the path), "folder", "list", "tar", "idx", "urls",
	// "index".
	// Default "auto".
	Kind string `toml:"kind"`
	// Members chooses the images of a folder, a list, tar shards or an index by their
	// names, where not all are to train on: endings ("jpg" is all that follows the
	// first dot of a name), patterns for the name or the end of the path ("*.jpg",
	// "images/*"), exceptions ("!*.seg.png"); one text or a list of them, any case.
	// Default: every image; of a WebDataset sample with several, the one whose name
	// is the sample's key and an ending.
	Members Patterns `toml:"members"`
	// Labels asks for a class for every image: sub-folders, a list's labels, .cls or
	// .json members, the IDX label file. A source without them is refused, images
	// outside of classes are left out. Training does not look at them. Default false.
	Labels bool `toml:"labels"`
	// Workers decode and augment; 0 means one for each CPU that the process may use
	// (affinity, container's limit, GOMAXPROCS), here and in every other command.
	// Batches do not depend on it. Default 0.
	Workers int `toml:"workers"`
	// Prefetch is how many finished batches may wait for the trainer. Default 2.
	Prefetch int `toml:"prefetch"`
	// MaxBadFraction of unreadable images, in [0,1], over which the run stops; below
	// it they are replaced, counted and listed. Default 0.01.
	MaxBadFraction float64 `toml:"max_bad_fraction"`
	// EXIFOrientation turns images as their EXIF tag says. torchvision's loader
	// does not. Default true.
	EXIFOrientation bool `toml:"exif_orientation"`
	// Refresh lists the source anew so often, for one that grows or shrinks while
	// training goes on: "1ep" after every pass over the list of the time, or steps,
	// images, epochs of the first list. Lists are kept in the run folder, so that a
	// resumed run sees the same images again. Default "0it": never.
	Refresh Duration `toml:"refresh"`
	// ShuffleWindow is for tar shards that are read best from beginning to end: the
	// number of images shuffled together, as in a shuffle buffer, behind a random
	// order of the shards. The packed images of three windows stay in memory.
	// Default 0: all images are shuffled, and read one by one.
	ShuffleWindow int64 `toml:"shuffle_window"`
	// ShuffleLanes are the sequences of shards, each with windows of its own, that
	// every batch takes equal parts from. A multiple of the number of processes, so
	// that each reads other shards; the order does not depend on it. Default 1.
	ShuffleLanes int64 `toml:"shuffle_lanes"`
	// Cache of what is read from far away.
	Cache Cache `toml:"cache"`
	// Subset restricts the source. Default: everything.
	Subset Subset `toml:"subset"`
	// URLs is how a list of URLs is downloaded; other sources do not use it.
	URLs URLs `toml:"urls"`
}

// URLs are the bounds on what is asked of the web, and on what it may send. The
// evaluation's sources are downloaded in the same way.
type URLs struct {
	// Concurrency is the number of requests at once. Default 64.
	Concurrency int `toml:"concurrency"`
	// PerHost is the number of those to one host and port. Default 4.
	PerHost int `toml:"per_host"`
	// TimeoutSeconds of a download with its redirects and repeats, not counting the
	// time in which it waits for its turn. Default 10.
	TimeoutSeconds float64 `toml:"timeout_seconds"`
	// MaxMB refuses larger files, in MiB. Default 20.
	MaxMB int `toml:"max_mb"`
	// AllowPrivate allows URLs and redirects that lead to this machine and to private
	// networks, and the proxy of the environment. Default false: whoever writes a list
	// of URLs could else reach what only this machine can.
	AllowPrivate bool `toml:"allow_private"`
	// Contact is a URL or mail address that every request names, for those who object.
	// Default none.
	Contact string `toml:"contact"`
	// Column of the URLs in parquet files. Default "": "url" or "URL".
	Column string `toml:"column"`
	// RespectRobotsTag does not use images whose server says noai, noimageai, noindex
	// or noimageindex in X-Robots-Tag. Default true.
	RespectRobotsTag bool `toml:"respect_robots_tag"`
}

// Cache is a folder of this machine that keeps what is read of shards that are URLs, those of evaluations too. Several
// processes and runs may share one.
type Cache struct {
	// Dir is the folder, on a local disk. Default "": there is none, and every epoch reads from afar.
	Dir string `toml:"dir"`
	// Size is the most it may take: "200GB", "1TB", "500GiB". Required with a folder; at least 64MiB, at most what its
	// disk has free.
	Size Bytes `toml:"size"`
}

// Subset is a part of a source. At most one of First, Fraction, Shots, List is set.
type Subset struct {
	// First n images in the source's order; 0 means all.
	First int64 `toml:"first"`
	// Fraction in (0,1) of the images, drawn with Seed; 0 means all.
	Fraction float64 `toml:"fraction"`
	// Balanced draws Fraction as the same number of images of every class, for which
	// the source must have labels. Default false.
	Balanced bool `toml:"balanced"`
	// Shots is the number of images of every class, drawn with Seed; 0 means all.
	Shots int64 `toml:"shots"`
	// List is a text file of image names, one a line, whole or as SimCLR's lists of 1 and
	// 10 % of ImageNet have them: the last part of the path. Empty means all.
	List string `toml:"list"`
	// Seed of the draw for Fraction and Shots, apart from the run's so that several runs
	// see the same images. Default 0.
	Seed uint64 `toml:"seed"`
}

// Crop is one resolution of the multi-crop augmentation (SwAV, section 3.3).
// Crops are numbered through all entries: two crops of 224 are 0 and 1, the four
// of 96 behind them 2 to 5.
type Crop struct {
	// Count of crops of this size an image. Required, at least 1.
	Count int `toml:"count"`
	// Size of the square crop in pixels. Required; a multiple of 32 uses the trunk fully.
	Size int `toml:"size"`
	// Scale is the range of the crop's area as a share of the image's. Required.
	// SwAV: [0.14, 1] for large, [0.05, 0.14] for small crops.
	Scale [2]float64 `toml:"scale"`
	// Ratio is the range of width/height before resizing. Default [3/4, 4/3]
	// (torchvision's RandomResizedCrop).
	Ratio [2]float64 `toml:"ratio"`
}

// Augment is what happens to every crop, independently, after it was cut.
// The defaults are SwAV's and SEER's.
type Augment struct {
	// Interpolation of resizes: "bilinear" or "bicubic", antialiased, PIL's to the byte.
	// Fine-tuning validates with it too; probes are bilinear. Default "bilinear" (VISSL
	// fine-tunes at 384 pixels with bicubic).
	Interpolation string `toml:"interpolation"`
	// Flip is the probability of a horizontal flip. Default 0.5.
	Flip float64 `toml:"flip"`
	// Jitter of colours, applied in random order.
	Jitter Jitter `toml:"jitter"`
	// Gray is the probability of a grey-scale crop. Default 0.2.
	Gray float64 `toml:"gray"`
	// Blur is Gaussian.
	Blur Blur `toml:"blur"`
	// Mean and Std a channel of the pixels in [0,1]. Defaults: ImageNet's
	// 0.485/0.456/0.406 and 0.229/0.224/0.225. SwAV's own code has 0.228 as its
	// first std; VISSL and SEER have 0.229.
	Mean [3]float64 `toml:"mean"`
	Std  [3]float64 `toml:"std"`
}

// Jitter is torchvision's ColorJitter with a probability.
type Jitter struct {
	// P is the probability that the jitter happens at all. Default 0.8.
	P float64 `toml:"p"`
	// Brightness, Contrast, Saturation: factors drawn from [max(0,1-x), 1+x]. Default 0.8.
	Brightness float64 `toml:"brightness"`
	Contrast   float64 `toml:"contrast"`
	Saturation float64 `toml:"saturation"`
	// Hue shift drawn from [-x, x], at most 0.5 (half a turn). Default 0.2.
	Hue float64 `toml:"hue"`
}

// Blur is a Gaussian blur.
type Blur struct {
	// P is the probability. Default 0.5.
	P float64 `toml:"p"`
	// Sigma is the range of the standard deviation in pixels. Default [0.1, 2].
	Sigma [2]float64 `toml:"sigma"`
}
