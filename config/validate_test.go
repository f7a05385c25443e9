// SPDX-License-Identifier: MIT

package config

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/models/regnet/arch"
)

// valid is an experiment without a fault, for each test to break in one place.
func valid() *Experiment {
	e := Default()
	e.Name, e.Version = "valid", Version
	e.Data.Source = "images"
	e.Crops = []Crop{{Count: 2, Size: 224, Scale: [2]float64{0.14, 1}}, {Count: 4, Size: 96, Scale: [2]float64{0.05, 0.14}}}
	e.Model.Arch = "regnet_y_16gf"
	e.Optim.Batch = 8192
	e.Train.Duration = Duration{1e9, Images}
	e.Linear.Train, e.Linear.Val = "train", "val"
	e.fill()
	return e
}

func TestValid(t *testing.T) {
	for _, task := range []Task{Pretrain, LinearEval, KNNEval} {
		warnings, err := valid().Validate(task)
		assert.NoError(t, err, task)
		assert.Empty(t, warnings, task)
	}
}

// Whatever number of whatever section, also one that the task does not use: nan and inf are typing errors.
func TestNumbersAreFinite(t *testing.T) {
	for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		e := valid()
		e.Optim.Rules = []Rule{{Match: ".*", LRMult: &v}}
		e.Optim.BaseLR, e.Linear.Gamma, e.KNN.Temperature, e.Augment.Mean[1], e.Crops[1].Scale[0], e.Model.WA = v, v, v, v, v, v
		_, err := e.Validate(Pretrain)
		for _, path := range []string{"optim.base_lr", "optim.rules.0.lr_mult", "linear.gamma", "knn.temperature"} {
			assert.ErrorContains(t, err, fmt.Sprintf("%s = %v: must be finite\n", path, v))
		}
		assert.Regexp(t, `augment.mean = \[.*\]: must be finite`, err.Error())
		assert.Regexp(t, `crops.1.scale = \[.*\]: must be finite`, err.Error())
		assert.Equal(t, 1, strings.Count(err.Error(), "optim.base_lr"), "nothing more is said about it")
	}
}

// Counts that nothing could hold are refused by their keys, before anything multiplies them.
func TestCountsAreBounded(t *testing.T) {
	for _, key := range []string{
		"optim.batch", "linear.batch", "knn.batch", "data.workers", "data.prefetch", "run.threads", "swav.hidden", "swav.out", "swav.prototypes",
		"swav.sinkhorn_iterations", "swav.queue_length", "crops.0.count", "crops.0.size", "linear.resize", "linear.crop", "knn.resize", "knn.crop",
		"model.depth", "model.w0",
	} {
		for _, number := range []string{"9223372036854775807", "-9223372036854775808", "-1"} {
			e := valid()
			e.Model = Model{Arch: "regnet_y", Depth: 6, W0: 32, WA: 32, WM: 2.2, GroupWidth: 16}
			require.NoError(t, e.Set([]string{key + "=" + number}))
			task := map[bool]Task{true: LinearEval, false: Pretrain}[strings.HasPrefix(key, "linear")]
			if strings.HasPrefix(key, "knn") {
				task = KNNEval
			}
			_, err := e.Validate(task)
			assert.Error(t, err, "%s = %s", key, number)
		}
	}
}

// A shell's shorthand in a folder that would be made becomes no name.
func TestNothingIsExpanded(t *testing.T) {
	for _, dir := range []string{"~", "~/runs", "$HOME/runs", "runs/${USER}", "a\x00b"} {
		e := valid()
		e.Run.Dir = dir
		_, err := e.Validate(Pretrain)
		assert.ErrorContains(t, err, "run.dir", dir)
		e.Run.Dir, e.Data.Source = "runs/x", dir
		assert.ErrorContains(t, e.CheckData(Pretrain), "no such file", dir)
	}
	e := valid()
	e.Run.Dir = "runs/a~b $5 é"
	_, err := e.Validate(Pretrain)
	assert.NoError(t, err)
}

// broken is a valid experiment with one thing wrong.
type broken struct {
	breakIt func(*Experiment)
	want    string // start of the one problem
}

func refuses(t *testing.T, cases []broken) {
	t.Helper()
	for _, c := range cases {
		e := valid()
		c.breakIt(e)
		_, err := e.Validate(Pretrain)
		var invalid *Invalid
		if assert.True(t, errors.As(err, &invalid), c.want) {
			assert.Len(t, invalid.Problems, 1, "%s: %v", c.want, err)
			assert.Regexp(t, "^"+regexpQuote(c.want), invalid.Problems[0].String())
		}
	}
}

func TestValidateRefusesInputs(t *testing.T) {
	nan := math.NaN()
	refuses(t, []broken{
		{func(e *Experiment) { e.Name = "../../etc" }, `name = "../../etc": is part of a folder's name`},
		{func(e *Experiment) { e.Name = "/etc" }, "name"},
		{func(e *Experiment) { e.Name = "a\nb" }, "name"},
		{func(e *Experiment) { e.Run.Dir = "" }, "run.dir"},
		{func(e *Experiment) { e.Run.Device = "gpu" }, `run.device = "gpu": allowed are auto, cpu, cuda and cuda:N`},
		{func(e *Experiment) { e.Run.Precision = "tf32" }, "run.precision"},
		{func(e *Experiment) { e.Run.ChannelsLast = "yes" }, "run.channels_last"},
		{func(e *Experiment) { e.Run.Threads = -1 }, "run.threads = -1: must be 0 or more"},
		{func(e *Experiment) { e.Run.Keep = -1 }, "run.keep"},
		{func(e *Experiment) { e.Run.LogEvery = Duration{} }, `run.log_every = ""`},
		{func(e *Experiment) { e.Run.CheckpointEvery = Duration{0, Steps} }, `run.checkpoint_every = "0it"`},
		{func(e *Experiment) { e.Mesh.BatchNormGroup = -1 }, "mesh.batch_norm_group = -1: must be 0 or more"},
		{func(e *Experiment) { e.Mesh.FirstTimeoutSeconds = 1e6 }, "mesh.first_timeout_seconds = 1e+06: must be 1 to 86400"},
		{func(e *Experiment) { e.Mesh.TimeoutSeconds = 0.5 }, "mesh.timeout_seconds = 0.5: must be 1 to 86400"},
		{func(e *Experiment) { e.Data.Source = "" }, `data.source = "": say where the images are`},
		{func(e *Experiment) { e.Data.Kind = "zip" }, `data.kind = "zip"`},
		{func(e *Experiment) { e.Data.Workers = -1 }, "data.workers"},
		{func(e *Experiment) { e.Data.Prefetch = 0 }, "data.prefetch"},
		{func(e *Experiment) { e.Data.MaxBadFraction = nan }, "data.max_bad_fraction = NaN"},
		{func(e *Experiment) { e.Data.URLs.Concurrency = 0 }, "data.urls.concurrency = 0: must be 1 to 4096 requests"},
		{func(e *Experiment) { e.Data.URLs.PerHost = 0 }, "data.urls.per_host"},
		{func(e *Experiment) { e.Data.URLs.TimeoutSeconds = nan }, "data.urls.timeout_seconds = NaN"},
		{func(e *Experiment) { e.Data.URLs.MaxMB = 1000 }, "data.urls.max_mb"},
		{func(e *Experiment) { e.Data.URLs.Contact = "me\n" }, `data.urls.contact = "me\n": must be of printable ASCII`},
		{func(e *Experiment) { e.Data.Cache = Cache{Dir: "x"} }, `data.cache.size = "": say how much`},
		{func(e *Experiment) { e.Data.Cache = Cache{Size: 1e9} }, `data.cache.dir = "": name the cache's folder`},
		{func(e *Experiment) { e.Data.Cache = Cache{Dir: "x", Size: 1e6} }, `data.cache.size = "1MB": must be 64MiB or more`},
		{func(e *Experiment) { e.Data.Subset = Subset{First: -1} }, "data.subset.first"},
		{func(e *Experiment) { e.Data.Subset = Subset{Fraction: 1.5} }, "data.subset.fraction"},
		{func(e *Experiment) { e.Data.ShuffleWindow = 1 }, "data.shuffle_window = 1: must be 0"},
		{func(e *Experiment) { e.Data.ShuffleLanes = 2 }, "data.shuffle_lanes = 2: has no meaning without"},
		{func(e *Experiment) { e.Data.ShuffleWindow = 50000; e.Data.ShuffleLanes = 3 }, "data.shuffle_lanes = 3: must divide optim.batch, 8192"},
		{func(e *Experiment) { e.Data.ShuffleWindow = 50000; e.Data.Kind = "list" }, `data.shuffle_window = 50000: is for tar shards, and data.kind is "list"`},
		{func(e *Experiment) { e.Data.ShuffleWindow = 50000; e.Data.Subset.First = 9 }, "data.shuffle_window = 50000: reads whole shards, and cannot be combined with data.subset"},
		{func(e *Experiment) { e.Data.Subset = Subset{First: 3, List: "x"} }, "data.subset = {"},
		{func(e *Experiment) { e.Data.Subset = Subset{Shots: -1} }, "data.subset.shots"},
		{func(e *Experiment) { e.Data.Subset = Subset{Shots: 3, Balanced: true} }, "data.subset.balanced = true: says how fraction is drawn"},
		{func(e *Experiment) { e.Crops = nil; e.SwAV.AssignCrops = []int{0} }, "crops = 0: at least one [[crops]] table"},
		{func(e *Experiment) { e.Crops = e.Crops[:1]; e.Crops[0].Count = 1; e.SwAV.AssignCrops = []int{0} }, "crops = 1: SwAV predicts"},
		{func(e *Experiment) { e.Crops[1].Count = 0 }, "crops.1.count"},
		{func(e *Experiment) { e.Crops[1].Size = 0 }, "crops.1.size"},
		{func(e *Experiment) { e.Crops[1].Scale = [2]float64{0.2, 0.1} }, "crops.1.scale = [0.2 0.1]: must be [low, high]"},
		{func(e *Experiment) { e.Crops[1].Scale[1] = 1.5 }, "crops.1.scale"},
		{func(e *Experiment) { e.Crops[1].Ratio[0] = 0 }, "crops.1.ratio"},
		{func(e *Experiment) { e.Augment.Flip = 2 }, "augment.flip"},
		{func(e *Experiment) { e.Augment.Gray = -0.1 }, "augment.gray"},
		{func(e *Experiment) { e.Augment.Jitter.P = nan }, "augment.jitter.p"},
		{func(e *Experiment) { e.Augment.Jitter.Brightness = -1 }, "augment.jitter.brightness"},
		{func(e *Experiment) { e.Augment.Jitter.Hue = 0.6 }, "augment.jitter.hue"},
		{func(e *Experiment) { e.Augment.Blur.Sigma[0] = 0 }, "augment.blur.sigma"},
		{func(e *Experiment) { e.Augment.Std[1] = 0 }, "augment.std"},
		{func(e *Experiment) { e.Augment.Mean[1] = 120 }, "augment.mean"},
	})
}

func TestValidateRefusesTraining(t *testing.T) {
	nan := math.NaN()
	refuses(t, []broken{
		{func(e *Experiment) { e.Model.Arch = "" }, "model.arch"},
		{func(e *Experiment) { e.Model.Arch = "regnet_16gf" }, `model.arch = "regnet_16gf": unknown architecture`},
		{func(e *Experiment) { e.Model.Depth = 3 }, "model.arch"},
		{func(e *Experiment) { e.Model.Arch = "swin_t" }, `model.arch = "swin_t": unknown architecture "swin_t": it is a Swin transformer`},
		{func(e *Experiment) { e.Model.Arch = "vit_b_16"; e.Crops[1].Size = 100 }, "crops.1.size = 100: must be a multiple of 16, the patch of vit_b_16"},
		{func(e *Experiment) { e.Model = Model{Arch: "regnet_y", Depth: 3, W0: 30, WM: 2, GroupWidth: 8} }, "model.arch"},
		{func(e *Experiment) { e.SwAV.Hidden = []int{8, 0} }, "swav.hidden.1"},
		{func(e *Experiment) { e.SwAV.Out = 0 }, "swav.out"},
		{func(e *Experiment) { e.SwAV.Prototypes = 1 }, "swav.prototypes"},
		{func(e *Experiment) { e.SwAV.Temperature = 0 }, "swav.temperature"},
		{func(e *Experiment) { e.SwAV.Epsilon = nan }, "swav.epsilon"},
		{func(e *Experiment) { e.SwAV.SinkhornIterations = 0 }, "swav.sinkhorn_iterations"},
		{func(e *Experiment) { e.SwAV.AssignCrops = nil }, "swav.assign_crops"},
		{func(e *Experiment) { e.SwAV.AssignCrops = []int{0, 6} }, "swav.assign_crops = [0 6]: crop 6 does not exist; there are 0 to 5"},
		{func(e *Experiment) { e.SwAV.AssignCrops = []int{0, 2} }, "swav.assign_crops = [0 2]: crop 2 has 96 pixels; assignments come from the largest crops, of 224"},
		{func(e *Experiment) { e.SwAV.AssignCrops = []int{1, 1} }, "swav.assign_crops = [1 1]: crop 1 is named twice"},
		{func(e *Experiment) { e.SwAV.QueueLength = -1 }, "swav.queue_length"},
		{func(e *Experiment) { e.SwAV.QueueLength = 10000; e.SwAV.QueueStart = Duration{1, Epochs} }, "swav.queue_length = 10000: must hold whole batches of 8192, such as 8192"},
		{func(e *Experiment) { e.Optim.Batch = 0 }, "optim.batch"},
		{func(e *Experiment) { e.Optim.BaseLR = nan }, "optim.base_lr"},
		{func(e *Experiment) { e.Optim.BaseBatch = 0 }, "optim.base_batch"},
		{func(e *Experiment) { e.Optim.Scaling = "log" }, "optim.scaling"},
		{func(e *Experiment) { e.Optim.Momentum = 1 }, "optim.momentum"},
		{func(e *Experiment) { e.Optim.Momentum = 0; e.Optim.Nesterov = true }, "optim.nesterov"},
		{func(e *Experiment) { e.Optim.WeightDecay = -1 }, "optim.weight_decay"},
		{func(e *Experiment) { e.Optim.Adaptation = "lamb" }, "optim.adaptation"},
		{func(e *Experiment) { e.Optim.TrustCoefficient = 0 }, "optim.trust_coefficient"},
		{func(e *Experiment) { e.Optim.Rules = []Rule{{Match: "("}} }, "optim.rules"},
		{func(e *Experiment) {
			e.Optim.Rules = []Rule{{Match: ".*", Freeze: true, FreezeUntil: Duration{1, Steps}}}
		}, "optim.rules"},
		{func(e *Experiment) { e.Schedule.Kind = "linear" }, "schedule.kind"},
		{func(e *Experiment) { e.Schedule.Phase = "half" }, "schedule.phase"},
		{func(e *Experiment) { e.Schedule.WarmupStart = -1 }, "schedule.warmup_start"},
		{func(e *Experiment) { e.Schedule.EndFactor = 2 }, "schedule.end_factor"},
		{func(e *Experiment) { e.Schedule.Kind = "step" }, "schedule.milestones"},
		{func(e *Experiment) { e.Schedule.Milestones = []Duration{{}} }, "schedule.milestones"},
		{func(e *Experiment) { e.Schedule.Gamma = 0 }, "schedule.gamma"},
		{func(e *Experiment) { e.Schedule.Window = Duration{} }, "schedule.window"},
		{func(e *Experiment) { e.Schedule.Factor = 1 }, "schedule.factor"},
		{func(e *Experiment) { e.Schedule.Threshold = -1 }, "schedule.threshold"},
		{func(e *Experiment) { e.Train.Duration = Duration{} }, "train.duration"},
		{func(e *Experiment) { e.Train.Duration = Duration{50, Percent} }, `train.duration = "50%": a run cannot be a share of itself`},
		{func(e *Experiment) { e.Train.Duration = Duration{0, Epochs} }, "train.duration"},
	})
}

func TestValidateEvalRefuses(t *testing.T) {
	for _, c := range []struct {
		task    Task
		breakIt func(*Experiment)
		want    string
	}{
		{LinearEval, func(e *Experiment) { e.Linear.Train = "" }, `linear.train = "": say where the labelled`},
		{LinearEval, func(e *Experiment) { e.Linear.Val = "" }, "linear.val"},
		{LinearEval, func(e *Experiment) { e.Linear.Kind = "zip" }, "linear.kind"},
		{LinearEval, func(e *Experiment) { e.Linear.Duration = Duration{} }, "linear.duration"},
		{LinearEval, func(e *Experiment) { e.Linear.Duration = Duration{5, Percent} }, "linear.duration"},
		{LinearEval, func(e *Experiment) { e.Linear.Batch = 0 }, "linear.batch"},
		{LinearEval, func(e *Experiment) { e.Linear.BaseLR = Several[float64]{0} }, "linear.base_lr"},
		{LinearEval, func(e *Experiment) { e.Linear.Momentum = 0 }, "linear.nesterov"},
		{LinearEval, func(e *Experiment) { e.Linear.Schedule = "plateau" }, "linear.schedule"},
		{LinearEval, func(e *Experiment) { e.Linear.Milestones = nil }, "linear.milestones"},
		{LinearEval, func(e *Experiment) { e.Linear.Scale = [2]float64{} }, "linear.scale"},
		{LinearEval, func(e *Experiment) { e.Linear.Crop = 0 }, "linear.crop"},
		{LinearEval, func(e *Experiment) { e.Linear.TrainSubset.Fraction = 2 }, "linear.train_subset.fraction"},
		{LinearEval, func(e *Experiment) { e.Augment.Std[0] = 0 }, "augment.std"},
		{KNNEval, func(e *Experiment) { e.Linear.Train = "" }, "knn.train"},
		{KNNEval, func(e *Experiment) { e.KNN.K = Several[int]{0} }, "knn.k"},
		{KNNEval, func(e *Experiment) { e.KNN.Temperature = 0 }, "knn.temperature"},
		{KNNEval, func(e *Experiment) { e.KNN.Batch = 0 }, "knn.batch"},
		{KNNEval, func(e *Experiment) { e.KNN.Resize = 0 }, "knn.resize"},
		{LinearEval, func(e *Experiment) { e.Linear.Solver = "lbfgs" }, "linear.augment"},
		{LinearEval, func(e *Experiment) { e.Linear.Solver = "adam" }, "linear.solver"},
		{SVMEval, func(e *Experiment) { e.Linear.Val = "" }, "svm.val"},
		{SVMEval, func(e *Experiment) { e.SVM.Costs = nil }, "svm.costs"},
		{SVMEval, func(e *Experiment) { e.SVM.Costs = []float64{1, 0} }, "svm.costs.1"},
		{SVMEval, func(e *Experiment) { e.SVM.Choice = "best" }, "svm.choice"},
		{SVMEval, func(e *Experiment) { e.SVM.Shots = []int{0} }, "svm.shots.0"},
		{SVMEval, func(e *Experiment) { e.SVM.Samples = 0 }, "svm.samples"},
		{FineTuning, func(e *Experiment) { e.Finetune.Val = "" }, "finetune.val"},
		{FineTuning, func(e *Experiment) { e.Finetune.Hidden = []int{0} }, "finetune.hidden.0"},
		{FineTuning, func(e *Experiment) { e.Finetune.HeadLR = 0 }, "finetune.head_lr"},
		{FineTuning, func(e *Experiment) { e.Finetune.ValidateEvery = Duration{} }, "finetune.validate_every"},
		{FineTuning, func(e *Experiment) { e.Finetune.Sampling = "sqrt" }, `finetune.sampling = "sqrt"`},
		{FineTuning, func(e *Experiment) { e.Finetune.Sampling, e.Data.ShuffleWindow = "square-root", 50000 }, "finetune.sampling"},
		{FineTuning, func(e *Experiment) { e.Finetune.EMA = 1 }, "finetune.ema"},
		{FineTuning, func(e *Experiment) { e.Augment.Interpolation = "cubic" }, `augment.interpolation = "cubic"`},
		{"paint", func(*Experiment) {}, `task = "paint"`},
	} {
		e := valid()
		c.breakIt(e)
		_, err := e.Validate(c.task)
		assert.ErrorContains(t, err, c.want)
	}
	e := &Experiment{}
	e.Run = valid().Run
	_, err := e.Validate(KNNEval)
	assert.ErrorContains(t, err, "knn.k", "an evaluation needs no model or crops, but its own section")
	assert.NotContains(t, err.Error(), "model.arch")
}

func TestAllProblemsAreReportedAtOnce(t *testing.T) {
	_, err := (&Experiment{}).Validate(Pretrain)
	for _, want := range []string{"invalid experiment:\n  ", "data.source", "crops", "model.arch", "optim.batch", "train.duration", "schedule.kind"} {
		assert.ErrorContains(t, err, want)
	}
}

func TestWarnings(t *testing.T) {
	for _, c := range []struct {
		change func(*Experiment)
		want   string
	}{
		{func(e *Experiment) { e.Run.Keep = 1 }, "run.keep = 1"},
		{func(e *Experiment) { e.Run.Device, e.Run.Precision = "cpu", "fp16" }, `run.precision = "fp16"`},
		{func(e *Experiment) { e.Data.Kind, e.Data.URLs.Contact = "urls", "me" }, "data.max_bad_fraction = 0.01: is little for the web"},
		{func(e *Experiment) { e.Data.Kind, e.Data.MaxBadFraction = "urls", .4 }, `data.urls.contact = "": give a URL`},
		{func(e *Experiment) { e.Crops[1].Size = 100 }, "crops.1.size = 100: is no multiple of the trunk's stride of 32"},
		{func(e *Experiment) { e.SwAV.Epsilon = 0.01 }, "swav.epsilon"},
		{func(e *Experiment) { e.Optim.Batch = 256 }, "swav.prototypes = 16000: only 256 images take part"},
		{func(e *Experiment) { e.SwAV.QueueLength = 8192 }, "swav.queue_start"},
		{func(e *Experiment) { e.SwAV.FreezePrototypes = Duration{60, Percent} }, "swav.freeze_prototypes"},
	} {
		e := valid()
		c.change(e)
		warnings, err := e.Validate(Pretrain)
		require.NoError(t, err, c.want)
		require.Len(t, warnings, 1, c.want)
		assert.Regexp(t, "^"+regexpQuote(c.want), warnings[0].String())
	}
	e := valid()
	e.Linear.Crop = 384
	warnings, err := e.Validate(LinearEval)
	require.NoError(t, err)
	require.Len(t, warnings, 1)
	assert.Equal(t, "linear.crop", warnings[0].Path)
}

// SEER trained 16000 prototypes at a batch of 4096: not worth a warning. A queue
// adds to the batch, crops do not.
func TestEquipartition(t *testing.T) {
	for _, c := range []struct {
		prototypes, batch, queue int
		warns                    bool
	}{
		{16000, 4096, 0, false}, {16000, 7936, 0, false}, {3000, 256, 0, true},
		{3000, 256, 3840, false}, {1500, 16, 0, true}, {64, 128, 0, false},
	} {
		e := valid()
		e.SwAV.Prototypes, e.Optim.Batch, e.SwAV.QueueLength, e.SwAV.QueueStart = c.prototypes, c.batch, c.queue, Duration{15, Epochs}
		warnings, err := e.Validate(Pretrain)
		require.NoError(t, err)
		assert.Equal(t, c.warns, len(warnings) > 0, "%+v", c)
	}
}

func TestCustomTrunkHasItsOwnStride(t *testing.T) {
	e := valid()
	e.Model = Model{Arch: "regnet_y", Depth: 6, W0: 32, WA: 32, WM: 2.2, GroupWidth: 16}
	e.Crops = []Crop{{2, 48, [2]float64{0.2, 1}, defaultRatio}}
	trunk, err := e.Model.Trunk()
	require.NoError(t, err)
	require.Equal(t, 16, trunk.Stride())
	warnings, err := e.Validate(Pretrain)
	require.NoError(t, err)
	assert.Empty(t, warnings, "48 is a multiple of 16")
}

func TestKNNSources(t *testing.T) {
	e := valid()
	e.Linear.Kind = "tar"
	train, val, kind := e.KNNSources()
	assert.Equal(t, []string{"train", "val", "tar"}, []string{train, val, kind}, "those of the probe")
	e.KNN.Train, e.KNN.Val = "a", "b"
	train, val, kind = e.KNNSources()
	assert.Equal(t, []string{"a", "b", "auto"}, []string{train, val, kind})
}

func TestCheckData(t *testing.T) {
	dir := t.TempDir()
	there := filepath.Join(dir, "there")
	require.NoError(t, os.Mkdir(there, 0o755))
	e := valid()
	e.Data.Source = there
	assert.NoError(t, e.CheckData(Pretrain))
	e.Data.Source = filepath.Join(dir, "shard-*.tar")
	assert.NoError(t, e.CheckData(Pretrain), "a pattern is the source's to expand")
	e.Data.Source = filepath.Join(dir, "gone")
	e.Data.Subset.List = filepath.Join(dir, "list")
	err := e.CheckData(Pretrain)
	assert.ErrorContains(t, err, "gone\": no such file or folder; give yours with --set data.source=PATH")
	assert.ErrorContains(t, err, "data.subset.list")
	e.Linear.Train, e.Linear.Val = there, filepath.Join(dir, "gone")
	assert.ErrorContains(t, e.CheckData(LinearEval), "linear.val")
	assert.ErrorContains(t, e.CheckData(KNNEval), "knn.val")
	e.Linear.Val = there
	assert.NoError(t, e.CheckData(LinearEval))
}

func TestHeadParameters(t *testing.T) {
	trunk, err := arch.Lookup("regnet_y_400mf")
	require.NoError(t, err)
	e := valid()
	e.SwAV.Hidden, e.SwAV.Out, e.SwAV.Prototypes = []int{10, 20}, 5, 7
	assert.Equal(t, []int{440, 10, 20, 5}, e.HeadWidths(trunk))
	plain := int64(441*10 + 11*20 + 21*5 + 7*5)
	assert.Equal(t, plain, e.HeadParameters(trunk))
	e.SwAV.BatchNorm = true
	assert.Equal(t, plain+2*(10+20), e.HeadParameters(trunk), "none behind the last Linear")
	e.SwAV.Hidden = nil
	assert.Equal(t, int64(441*5+7*5), e.HeadParameters(trunk))
}
