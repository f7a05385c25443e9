// SPDX-License-Identifier: MIT

// Package replay does a step again that a run has kept because its loss or gradient was not finite.
package replay

import (
	"errors"
	"fmt"
	"path/filepath"
	"strconv"

	"seer/checkpoint"
	"seer/config"
	"seer/nn"
	"seer/nn/statedict"
	"seer/runfolder"
	"seer/tasks/finetune"
	"seer/tasks/launch"
	"seer/tasks/pretrain"
	"seer/torch"
	"seer/train"
)

// Result is what a step looks like from within.
type Result struct {
	*train.Trace
	Step      int64
	Precision string
	World     int // processes of the run; the step is the part of the first
}

// Experiment is that of a run, with changes.
func Experiment(run string, sets []string) (*config.Experiment, error) {
	e, err := config.Load(filepath.Join(run, runfolder.ConfigFile), sets)
	if err != nil {
		return nil, fmt.Errorf("%s: a run folder is needed: %w", run, err)
	}
	return e, nil
}

// Run does a step of a run again, in the way of e; step -1 is the last that was kept.
func Run(run string, step int64, e *config.Experiment) (r *Result, err error) {
	kept, err := train.OpenBroken(run, step)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, kept.Close()) }()
	err = torch.OnThread(e.Run.Threads, func() (err error) {
		dev, err := torch.ParseDevice(e.Run.Device)
		if err != nil {
			return fmt.Errorf("run.device: %w", err)
		}
		if err := torch.SetCUDAMath(torch.CUDAMath{TF32: e.Run.TF32, Deterministic: e.Run.Deterministic}); err != nil {
			return err
		}
		engine, err := engineOf(e, kept, dev)
		if err != nil {
			return err
		}
		defer engine.Close()
		scope := torch.NewScope()
		defer scope.Close()
		batch, err := kept.Batch(dev, engine.ChannelsLast)
		if err != nil {
			return err
		}
		r = &Result{Step: kept.Step, Precision: e.Run.Precision, World: kept.Number(train.WorldKey)}
		r.Trace, err = engine.Trace(kept.Step, batch)
		return err
	})
	return r, err
}

// engineOf makes the method that the step was of, with its weights, statistics and queue.
func engineOf(e *config.Experiment, kept *train.Broken, dev torch.Device) (*train.Engine, error) {
	images := int64(max(kept.Number(train.EpochKey), 1))
	channelsLast, _ := strconv.ParseBool(kept.Metadata()[train.LayoutKey])
	state, err := kept.State()
	if err != nil {
		return nil, err
	}
	var engine *train.Engine
	if kept.Labelled() {
		engine, err = tuned(e, images, state, kept, dev, channelsLast)
	} else {
		engine, err = pretrained(e, images, dev, channelsLast)
	}
	if err != nil {
		return nil, err
	}
	nn.RequireGrad(engine.Method, true)
	if err := statedict.Set(engine.Method, state); err != nil {
		engine.Close()
		return nil, fmt.Errorf("the experiment is not that of the step: %w", err)
	}
	return engine, nil
}

func pretrained(e *config.Experiment, images int64, dev torch.Device, channelsLast bool) (*train.Engine, error) {
	plan, _, err := e.Resolve(images, 1)
	if err != nil {
		return nil, err
	}
	system, err := pretrain.NewSystem(e, plan, dev)
	if err != nil {
		return nil, err
	}
	return pretrain.NewEngine(system, e, plan, dev, channelsLast)
}

func tuned(e *config.Experiment, images int64, state []checkpoint.Tensor, kept *train.Broken, dev torch.Device, channelsLast bool) (*train.Engine, error) {
	plan, _, err := e.ResolveFinetune(images, 1)
	if err != nil {
		return nil, err
	}
	method, err := finetune.Rebuild(e, state, dev)
	if err != nil {
		return nil, err
	}
	weights, err := kept.Tensor(finetune.ClassWeightsName, dev)
	if err != nil {
		return nil, err
	}
	if weights != nil {
		method.Weights = weights.Release()
	}
	return launch.NewEngine(method, e, plan, dev, channelsLast, nil)
}
