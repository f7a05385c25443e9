// SPDX-License-Identifier: MIT

package eval

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"seer/checkpoint"
	"seer/checkpoint/weights"
	"seer/config"
	"seer/models"
	"seer/models/arch"
	"seer/nn"
	"seer/runfolder"
	"seer/torch"
	"seer/train"
)

// TrunkSource says which trunk to probe.
type TrunkSource struct {
	// Weights is a run folder, one of its checkpoints, or a file of any of the libraries that package names knows, the
	// index of one in several shards, or a folder that holds one. Empty with Random.
	Weights string
	// Prefix chooses among several trunks of a file, such as "student."; empty takes the preferred one.
	Prefix string
	// Random leaves the trunk at its initialisation, drawn from the experiment's seed.
	Random bool
	// Arch names the architecture; empty means that of the run, of the file's metadata, of the experiment's [model], or
	// the one that the file's shapes belong to, in this order.
	Arch string
	// Experiment gives device, precision, layout, seed, and normalisation where the weights do not.
	Experiment *config.Experiment
	// Warn is told what was passed over on the way; may be nil.
	Warn func(message string)
}

// OpenBackbone builds a trunk and fills it. The normalisation is that of the run or of the file's metadata, because
// features are only good for the inputs that the trunk has learned from; otherwise the experiment's.
func OpenBackbone(s TrunkSource) (b *Backbone, err error) {
	err = torch.OnThread(s.Experiment.Run.Threads, func() error {
		b, err = openBackbone(s)
		return err
	})
	return b, err
}

func openBackbone(s TrunkSource) (*Backbone, error) {
	if s.Random == (s.Weights != "") {
		return nil, errors.New("which weights? Give --weights with a run folder, a checkpoint or a file, or --random-init, and not both")
	}
	b := &Backbone{Mean: s.Experiment.Augment.Mean, Std: s.Experiment.Augment.Std}
	if err := b.place(s.Experiment.Run); err != nil {
		return nil, err
	}
	if s.Random {
		model := s.Experiment.Model
		if s.Arch != "" {
			model = config.Model{Arch: s.Arch}
		}
		b.Origin = Origin{Weights: RandomInit, Arch: model.Arch, Step: -1}
		return b, b.build(s, model, nil)
	}
	return b, b.load(s)
}

// place decides where and how the trunk computes.
func (b *Backbone) place(r config.Run) (err error) {
	if b.Device, err = torch.ParseDevice(r.Device); err != nil {
		return err
	}
	if b.Precision, err = train.ParsePrecision(r.Precision); err != nil {
		return err
	}
	b.ChannelsLast = r.ChannelsLast == "on" || r.ChannelsLast == "auto" && b.prefersChannelsLast()
	b.auto = r.ChannelsLast == "auto"
	b.Threads = r.Threads
	return torch.SetCUDAMath(torch.CUDAMath{TF32: r.TF32, Deterministic: r.Deterministic})
}

// takeLayout has "auto" mean for a run's weights what it means in the run: the layout that they were trained in.
func (b *Backbone) takeLayout(meta map[string]string) {
	if trained, err := strconv.ParseBool(meta[train.LayoutKey]); err == nil {
		b.trained = meta[train.LayoutKey]
		if b.auto {
			b.ChannelsLast = trained
		}
	}
}

// prefersChannelsLast stands in, where there is no run, for a measurement, whose outcome could differ between two runs of one command, and with
// it the last bits of the features. On a CPU (AVX2, two cores, float32) the forward pass of a small trunk on 32 pixels
// took less than half the time channels-last, and that of RegNetY-400MF on 224 pixels the same; tensor cores want
// channels-last too.
func (b *Backbone) prefersChannelsLast() bool {
	return b.Device.Type == torch.CPUType || b.Precision != torch.Float32
}

// load opens the file that s.Weights means and fills a trunk from it.
func (b *Backbone) load(s TrunkSource) error {
	found, err := runfolder.Find(s.Weights, s.Warn)
	if err != nil {
		return fmt.Errorf("--weights: %w", err)
	}
	file, err := checkpoint.Open(found.File)
	if err != nil {
		return err
	}
	defer file.Close()
	b.Origin = Origin{Weights: found.File, Run: found.Run, Step: -1}
	b.takeLayout(file.Metadata())
	model, err := b.modelOf(file, found.Config, s)
	if err != nil {
		return err
	}
	return b.build(s, model, file)
}

// modelOf finds the architecture of a file, and takes the normalisation and the step on the way: those of the
// experiment that made it, or of its metadata.
func (b *Backbone) modelOf(file *checkpoint.File, experiment string, s TrunkSource) (model config.Model, err error) {
	b.Origin.Step = number(file.Metadata()[train.StepKey])
	if experiment != "" {
		made, err := config.Load(experiment, nil)
		if err != nil {
			return model, fmt.Errorf("the experiment of %s: %w", file.Path(), err)
		}
		b.Mean, b.Std, model = made.Augment.Mean, made.Augment.Std, made.Model
	} else if model, err = config.FromMetadata(file.Metadata(), &b.Mean, &b.Std); err != nil {
		return model, fmt.Errorf("%s: %w", file.Path(), err)
	}
	switch {
	case s.Arch != "":
		model = config.Model{Arch: s.Arch}
	case model.Arch == "" && s.Experiment.Model.Arch != "":
		model = s.Experiment.Model
	case model.Arch == "":
		model, err = guess(file, s.Prefix)
	}
	b.Origin.Arch = model.Arch
	return model, err
}

// number reads a step; -1 where there is none.
func number(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return -1
	}
	return n
}

// guess recognises an architecture by its shapes: that of the first trunk that has a known one.
func guess(file *checkpoint.File, prefix string) (config.Model, error) {
	trunks := weights.Trunks(file.Infos(), prefix)
	for _, t := range trunks {
		if len(t.Architectures) > 0 {
			return config.Model{Arch: t.Architectures[0]}, nil
		}
	}
	if others := weights.Recognise(file, prefix); len(others) > 0 {
		return config.Model{Arch: others[0]}, nil
	}
	if len(trunks) == 0 {
		return config.Model{}, fmt.Errorf("%s holds no whole trunk of a RegNet%s: %s; seer inspect lists what it holds",
			file.Path(), below(prefix), weights.Describe(file))
	}
	return config.Model{}, fmt.Errorf("%s%s: %s", file.Path(), below(trunks[0].Prefix), trunks[0].Geometry.Unknown())
}

// below is like ` below "teacher."`.
func below(prefix string) string {
	if prefix == "" {
		return ""
	}
	return fmt.Sprintf(" below %q", prefix)
}

// build allocates the trunk and fills it from file, if there is one.
func (b *Backbone) build(s TrunkSource, model config.Model, file *checkpoint.File) error {
	if model.Arch == "" {
		return fmt.Errorf("which architecture? Give --arch with a name such as %s, or an experiment with [model]", strings.Join(arch.Names()[:3], ", "))
	}
	network, err := model.Trunk()
	if err != nil {
		return err
	}
	// The first draws after the seed are the trunk's: a random trunk here is the one that pretraining starts from.
	var trunk models.Trunk
	torch.Seeded(s.Experiment.Run.Seed, func() { trunk, err = models.New(network, b.Device, 0) })
	if err != nil {
		return err
	}
	b.Trunk, b.Model = trunk, model
	if file != nil {
		err = b.fill(file, s)
	}
	if err == nil {
		err = torch.Try(func() {
			nn.RequireGrad(trunk, false)
			nn.SetChannelsLast(trunk, b.ChannelsLast)
		})
	}
	if err != nil {
		b.Close()
	}
	return err
}

// fill overwrites every tensor of the trunk with the file's.
func (b *Backbone) fill(file *checkpoint.File, s TrunkSource) error {
	targets := map[string]*torch.Tensor{}
	var want []checkpoint.Info
	for _, e := range nn.Entries(b.Trunk) {
		targets[e.Name] = e.Tensor
		want = append(want, checkpoint.Info{Name: e.Name, DType: checkpoint.F32, Shape: e.Tensor.Shape()})
	}
	plan, err := weights.Match(file, want, weights.MatchOptions{Arch: b.Origin.Arch, Prefix: s.Prefix})
	if err != nil {
		return err
	}
	b.Origin.Weights, b.Origin.Style = file.Path(), string(plan.Detection.Style) // of a folder, the file that was taken
	if s.Warn != nil {
		for _, note := range plan.Notes {
			s.Warn(note)
		}
	}
	for i, entry := range plan.Entries {
		t, err := plan.Read(i)
		if err != nil {
			return err
		}
		if err := targets[entry.Want.Name].SetRawBytes(t.Data); err != nil {
			return fmt.Errorf("%s, tensor %s: %w", file.Path(), entry.Source, err)
		}
	}
	return nil
}
