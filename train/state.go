// SPDX-License-Identifier: MIT

package train

import (
	"fmt"
	"slices"

	"seer/checkpoint"
	"seer/checkpoint/weights"
	"seer/nn"
	"seer/optim/schedule"
	"seer/torch"
)

// State is the part of a checkpoint that is not tensors: together with the weights, the optimizer's buffers and the
// configuration it determines everything that follows.
type State struct {
	Step     int64  `json:"step"`     // steps done
	Position int64  `json:"position"` // images consumed over all ranks: the sampler's whole state
	Source   string `json:"source"`   // fingerprint of the data
	// Seconds of training so far, over all restarts, and the images seen in them.
	Seconds float64 `json:"seconds"`
	// CPURandom and DeviceRandom are the states of libtorch's generators.
	CPURandom    []byte `json:"cpu_random"`
	DeviceRandom []byte `json:"device_random,omitempty"`
	// Plateau is the schedule's state when schedule.kind is "plateau".
	Plateau *schedule.Plateau `json:"plateau,omitempty"`
	// Images of an epoch, by which a run that is complete knows it without looking at its source.
	Images int64 `json:"images"`
	// Skipped counts the steps whose gradients overflowed float16, SkippedInARow those since the last that did not.
	Skipped       int64 `json:"skipped,omitempty"`
	SkippedInARow int64 `json:"skipped_in_a_row,omitempty"`
	// AtLnK counts the collapse detector's consecutive steps.
	AtLnK int64 `json:"at_ln_k"`
	// ChannelsLast is the memory layout: another one rounds differently.
	ChannelsLast bool `json:"channels_last"`
}

var toFileType = map[torch.DType]checkpoint.DType{
	torch.Float32: checkpoint.F32, torch.Float16: checkpoint.F16, torch.BFloat16: checkpoint.BF16,
	torch.Float64: checkpoint.F64, torch.Int64: checkpoint.I64, torch.Int32: checkpoint.I32,
	torch.UInt8: checkpoint.U8, torch.Bool: checkpoint.Bool,
}

// Tensors copies every tensor of w to host memory, under its name.
func Tensors(w nn.Walker) ([]checkpoint.Tensor, error) {
	var out []checkpoint.Tensor
	err := torch.Try(func() {
		for _, e := range nn.Entries(w) {
			out = append(out, checkpoint.Tensor{
				Name: e.Name, DType: toFileType[e.Tensor.DType()], Shape: e.Tensor.Shape(), Data: e.Tensor.RawBytes(),
			})
		}
	})
	return out, err
}

// Restore overwrites every tensor of w with the file's tensor of that name. It changes nothing unless all names, types
// and shapes agree; a difference is one error that lists what is missing, what is too much, and what does not fit.
func Restore(w nn.Walker, file *checkpoint.File) error {
	entries := nn.Entries(w)
	want := make([]checkpoint.Info, len(entries))
	for i, e := range entries {
		want[i] = checkpoint.Info{Name: e.Name, DType: toFileType[e.Tensor.DType()], Shape: e.Tensor.Shape()}
	}
	plan, err := weights.Match(file, want, weights.Options{Arch: "the experiment", Exact: true})
	if err != nil {
		return fmt.Errorf("%w\n[model], [swav] and the optimizer must be those that the checkpoint was written with; "+
			"give a new experiment another run.dir", err)
	}
	for i, e := range entries {
		t, err := plan.Read(i)
		if err != nil {
			return err
		}
		if err := e.Tensor.SetRawBytes(t.Data); err != nil {
			return fmt.Errorf("%s, tensor %s: %w", file.Path(), e.Name, err)
		}
	}
	return nil
}

// walkers joins several walkers into one.
type walkers map[string]nn.Walker

// Walk visits the parts in the order of their names, which become prefixes.
func (ws walkers) Walk(prefix string, visit func(nn.Entry)) {
	names := make([]string, 0, len(ws))
	for name := range ws {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		ws[name].Walk(nn.Join(prefix, name), visit)
	}
}

// restoreOptimizer restores what optimizerState has saved. A run may go on in another precision: the loss scale of
// Float16 then stays unused, or begins anew.
func (t *Trainer) restoreOptimizer(file *checkpoint.File) error {
	parts := walkers{"momentum": t.Optimizer}
	if _, saved := file.Lookup("scaler.scale"); saved {
		scaler := t.Scaler
		if scaler == nil {
			scaler = NewScaler(t.Device)
			defer nn.Close(scaler)
		}
		parts["scaler"] = scaler
	}
	return Restore(parts, file)
}

// optimizerState is what the optimizer's file of a checkpoint holds.
func (t *Trainer) optimizerState() nn.Walker {
	parts := walkers{"momentum": t.Optimizer}
	if t.Scaler != nil {
		parts["scaler"] = t.Scaler
	}
	return parts
}
