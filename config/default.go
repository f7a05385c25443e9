// SPDX-License-Identifier: MIT

package config

// Default is the experiment before any file: SEER's and SwAV's published values,
// and the least surprising ones where nothing is published. What has no sensible
// default (source, crops, architecture, batch, duration) is empty, and Validate
// asks for it.
func Default() *Experiment {
	return &Experiment{
		Run: Run{
			Device: "auto", Precision: "fp32", ChannelsLast: "auto", TF32: true,
			OnNonfinite: "stop", MaxSkippedSteps: 30,
			LogEvery: Duration{10, Steps}, CheckpointEvery: Duration{1000, Steps}, Keep: 2, KeepEvery: Duration{Unit: Steps},
		},
		Mesh:   Mesh{FirstTimeoutSeconds: 1800, TimeoutSeconds: 300},
		Memory: Memory{Checkpoint: "none"},
		Data: Data{
			Kind: "auto", Prefetch: 2, MaxBadFraction: 0.01, EXIFOrientation: true, Refresh: Duration{Unit: Steps}, ShuffleLanes: 1,
			URLs: URLs{Concurrency: 64, PerHost: 4, TimeoutSeconds: 10, MaxMB: 20, RespectRobotsTag: true},
		},
		Augment: Augment{
			Interpolation: "bilinear",

			Flip:   0.5,
			Jitter: Jitter{P: 0.8, Brightness: 0.8, Contrast: 0.8, Saturation: 0.8, Hue: 0.2},
			Gray:   0.2,
			Blur:   Blur{P: 0.5, Sigma: [2]float64{0.1, 2}},
			Mean:   [3]float64{0.485, 0.456, 0.406},
			Std:    [3]float64{0.229, 0.224, 0.225},
		},
		SwAV: SwAV{
			Hidden: []int{8192, 8192}, Out: 256, Prototypes: 16000,
			Temperature: 0.1, Epsilon: 0.05, SinkhornIterations: 10, AssignCrops: []int{0, 1},
			QueueStart: Duration{0, Steps}, FreezePrototypes: Duration{313, Steps},
		},
		Optim: Optim{
			BaseLR: 0.3, BaseBatch: 256, Scaling: "linear",
			Momentum: 0.9, WeightDecay: 1e-5, Adaptation: "larc", TrustCoefficient: 0.001,
		},
		Schedule: Schedule{
			Kind: "cosine", Warmup: Duration{0, Steps}, EndFactor: 0.001, Phase: "global",
			Gamma: 0.1, Window: Duration{1000, Steps}, Factor: 0.5, Threshold: 0.001,
		},
		Train:    Train{Accumulate: 1},
		Finetune: Finetune{Kind: "auto", Sampling: "uniform", HeadLR: 1, DecayBias: true, ValidateEvery: Duration{1, Epochs}, Resize: 256, Crop: 224},
		Detect:   defaultDetect(),
		Linear:   defaultLinear(),
		Probe:    Probe{Every: Duration{Unit: Steps}, Images: 2048},
		SVM: SVM{Kind: "auto", Costs: []float64{0.01, 0.1, 1, 2, 5, 10, 15, 20, 50, 100, 1000}, Choice: "cross-validation",
			Samples: 5, Batch: 256, Resize: 256, Crop: 224},
		KNN: KNN{Kind: "auto", K: Several[int]{200}, Temperature: 0.1, Batch: 256, Resize: 256, Crop: 224},
	}
}

// defaultLinear is VISSL's linear probe of SEER on ImageNet.
func defaultLinear() Linear {
	return Linear{
		Kind: "auto", Solver: "sgd", Duration: Duration{28, Epochs}, Batch: 256,
		Layers: []Layer{{}}, BaseLR: Several[float64]{0.01}, Momentum: 0.9, Nesterov: true, WeightDecay: 5e-4,
		Schedule: "step", Milestones: []Duration{{8, Epochs}, {16, Epochs}, {24, Epochs}}, Gamma: 0.1,
		BatchNorm: Several[bool]{true}, Augment: true, Scale: [2]float64{0.08, 1}, Resize: 256, Crop: 224,
	}
}

// defaultRatio is the aspect range of torchvision's RandomResizedCrop.
var defaultRatio = [2]float64{3.0 / 4, 4.0 / 3}

// fill sets what depends on other values: the run folder on the name, and the
// defaults within arrays of tables, which no Default can hold.
func (e *Experiment) fill() {
	if e.Run.Dir == "" && e.Name != "" {
		e.Run.Dir = "runs/" + e.Name
	}
	for i := range e.Crops {
		if e.Crops[i].Ratio == [2]float64{} {
			e.Crops[i].Ratio = defaultRatio
		}
	}
	// An empty list of tables has no TOML form of its own.
	if len(e.Crops) == 0 {
		e.Crops = nil
	}
	if len(e.Optim.Rules) == 0 {
		e.Optim.Rules = nil
	}
}
