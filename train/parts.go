// SPDX-License-Identifier: MIT

package train

import (
	"errors"
	"fmt"
	"slices"

	"seer/nn"
	"seer/nn/statedict"
	"seer/runfolder"
	"seer/torch"
)

// parts of every program: what the next step depends on, besides what the program itself names.
func (e *Engine) parts() []runfolder.Part {
	return []runfolder.Part{weights{e}, optimizer{e}, random{e.Device}}
}

// mismatch advises on tensors that do not fit.
func mismatch(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w\nThe model, the method and the optimizer must be those that the checkpoint was written with; "+
		"give a new experiment another run.dir", err)
}

// weights are the method's parameters and buffers. Where there is an average of them, that is what a checkpoint offers to
// whoever uses the model, and the weights that training goes on with have a file of their own.
type weights struct{ *Engine }

// averageState is the document of a run with an average.
type averageState struct {
	Updates int64 `json:"updates"` // steps that it has seen
}

// Name implements runfolder.Part.
func (weights) Name() string { return "weights" }

// Save implements runfolder.Part.
func (w weights) Save(s *runfolder.Shard) error {
	trained, err := statedict.Of(w.Method)
	if w.Average == nil || err != nil {
		s.PutTensors(runfolder.ModelFile, trained)
		return err
	}
	average, err := statedict.Of(w.Average)
	s.PutTensors(runfolder.ModelFile, average)
	s.PutTensors(runfolder.TrainingFile, trained)
	return errors.Join(err, s.Put(averageState{w.Average.Updates}))
}

// Load restores what Save has put. A run may go on with an average that it did not have, which then begins with its
// weights, or without the one that it had.
func (w weights) Load(s *runfolder.Shard) error {
	trained := runfolder.ModelFile
	averaged := s.HasTensors(runfolder.TrainingFile)
	if averaged {
		trained = runfolder.TrainingFile
	}
	if err := loadTensors(s, trained, w.Method); err != nil || w.Average == nil {
		return err
	}
	if !averaged {
		return torch.Try(w.Average.Restart)
	}
	var state averageState
	if _, err := s.Get(&state); err != nil {
		return err
	}
	w.Average.Updates = state.Updates
	return loadTensors(s, runfolder.ModelFile, w.Average)
}

// loadTensors fills all tensors of to from a file of the checkpoint.
func loadTensors(s *runfolder.Shard, name string, to nn.Walker) error {
	file, err := s.OpenTensors(name)
	if err != nil {
		return err
	}
	defer file.Close()
	return mismatch(statedict.Load(to, file))
}

// optimizer is the momentum and, in Float16, the loss scale.
type optimizer struct{ *Engine }

// Name implements runfolder.Part.
func (optimizer) Name() string { return "optimizer" }

// Save implements runfolder.Part.
func (o optimizer) Save(s *runfolder.Shard) error {
	tensors, err := statedict.Of(o.state(o.Scaler))
	s.PutTensors(runfolder.OptimizerFile, tensors)
	return err
}

// Load restores what Save has put. A run may go on in another precision: the loss scale of Float16 then stays unused, or
// begins anew.
func (o optimizer) Load(s *runfolder.Shard) error {
	file, err := s.OpenTensors(runfolder.OptimizerFile)
	if err != nil {
		return err
	}
	defer file.Close()
	scaler := o.Scaler
	if _, saved := file.Lookup("scaler.scale"); !saved {
		scaler = nil
	} else if scaler == nil {
		scaler = NewScaler(o.Device)
		defer nn.Close(scaler)
	}
	return mismatch(o.Optimizer.Whole(func() error { return statedict.Load(o.state(scaler), file) }))
}

func (o optimizer) state(scaler *Scaler) nn.Walker {
	all := walkers{"momentum": o.Optimizer}
	if scaler != nil {
		all["scaler"] = scaler
	}
	return all
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

// random are the states of libtorch's generators.
type random struct{ device torch.Device }

type randomState struct {
	CPU    []byte `json:"cpu"`
	Device []byte `json:"device,omitempty"`
}

// Name implements runfolder.Part.
func (random) Name() string { return "random" }

// Save implements runfolder.Part.
func (r random) Save(s *runfolder.Shard) error {
	state := randomState{CPU: torch.RNGState(torch.CPU)}
	if r.device.Type == torch.CUDAType {
		state.Device = torch.RNGState(r.device)
	}
	return s.Put(state)
}

// Load implements runfolder.Part.
func (r random) Load(s *runfolder.Shard) error {
	var state randomState
	if found, err := s.Get(&state); err != nil || !found {
		return err
	}
	if err := torch.SetRNGState(torch.CPU, state.CPU); err != nil {
		return fmt.Errorf("restoring the random state: %w", err)
	}
	if r.device.Type == torch.CUDAType && len(state.Device) > 0 {
		if err := torch.SetRNGState(r.device, state.Device); err != nil {
			return fmt.Errorf("restoring the random state of %v: %w", r.device, err)
		}
	}
	return nil
}
