// SPDX-License-Identifier: MIT

package launch

import (
	"fmt"

	"seer/config"
	"seer/nn"
	"seer/optim"
	"seer/optim/rules"
	"seer/torch"
	"seer/train"
)

// NewEngine puts the optimizer of [optim], and for fp16 a loss scale, on a method. adjust sees each parameter with its
// setting after the experiment's rules; nil leaves them.
func NewEngine(m train.Method, e *config.Experiment, plan *config.Resolved, dev torch.Device, channelsLast bool, adjust func(p nn.Entry, s *rules.Setting)) (*train.Engine, error) {
	precision, err := train.ParsePrecision(e.Run.Precision)
	if err != nil {
		return nil, err
	}
	nn.SetChannelsLast(m, channelsLast)
	params := nn.Parameters(m)
	settings, err := settingsOf(params, e, plan)
	if err != nil {
		return nil, err
	}
	if adjust != nil {
		for i, p := range params {
			adjust(p, &settings[i])
		}
	}
	optimizer, err := optim.NewSGD(params, settings, optim.SGDOptions{
		Momentum: e.Optim.Momentum, Nesterov: e.Optim.Nesterov,
		Adaptation: optim.Adaptation(e.Optim.Adaptation), TrustCoefficient: e.Optim.TrustCoefficient,
	})
	engine := &train.Engine{
		Method: m, Optimizer: optimizer, Device: dev, Precision: precision, ChannelsLast: channelsLast,
		Mean: e.Augment.Mean, Std: e.Augment.Std, SkipNonFinite: e.Run.OnNonfinite == "skip",
	}
	if precision == torch.Float16 {
		engine.Scaler = train.NewScaler(dev)
	}
	return engine, err
}

func settingsOf(params []nn.Entry, e *config.Experiment, plan *config.Resolved) ([]rules.Setting, error) {
	names := make([]string, len(params))
	for i, p := range params {
		names[i] = p.Name
	}
	settings, err := rules.Assign(plan.Rules, names, rules.Default(e.Optim.WeightDecay, e.Optim.Adaptation != "none"))
	if err != nil {
		return nil, fmt.Errorf("optim.rules: %w", err)
	}
	return settings, nil
}

// NewProgram makes the program of an engine that follows a plan.
func (l *Launch) NewProgram(engine *train.Engine, plan *config.Resolved) (*train.Program, error) {
	rate, falling, err := plan.Schedule()
	if err != nil {
		return nil, err
	}
	e := l.Experiment
	meta, err := config.Metadata(e.Model, e.Augment.Mean, e.Augment.Std)
	if err != nil {
		return nil, err
	}
	p := &train.Program{
		Engine: engine, Rate: rate, Steps: plan.Steps, Batch: plan.Batch, Clock: train.Clock{Epoch: plan.Images},
		LogEvery: plan.LogEvery, CheckpointEvery: plan.CheckpointEvery, Metadata: meta,
		KeepEvery: plan.KeepEvery, KeepBest: e.Run.KeepBest,
	}
	followLoss(p, falling, plan.Warmup)
	return p, nil
}
