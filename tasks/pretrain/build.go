// SPDX-License-Identifier: MIT

package pretrain

import (
	"fmt"

	"seer/config"
	"seer/models/regnet"
	"seer/models/regnet/arch"
	"seer/nn"
	"seer/optim"
	"seer/optim/rules"
	"seer/ssl/swav"
	"seer/torch"
	"seer/train"
)

// NewSystem allocates trunk, head, prototypes and queue of an experiment on dev, initialised from its seed.
func NewSystem(e *config.Experiment, plan *config.Plan, dev torch.Device) (system *swav.SwAV, err error) {
	p, err := e.Model.Trunk()
	if err != nil {
		return nil, err
	}
	torch.Seeded(e.Run.Seed, func() { system, err = newSystem(p, e, plan, dev) })
	return system, err
}

func newSystem(p arch.Params, e *config.Experiment, plan *config.Plan, dev torch.Device) (*swav.SwAV, error) {
	trunk, err := regnet.New(p, dev, 0)
	if err != nil {
		return nil, err
	}
	return swav.New(trunk, dev, swav.Options{
		Hidden: widths(e.SwAV.Hidden), Out: int64(e.SwAV.Out), BatchNorm: e.SwAV.BatchNorm,
		Prototypes:  int64(e.SwAV.Prototypes),
		Temperature: e.SwAV.Temperature, Epsilon: e.SwAV.Epsilon, Iterations: e.SwAV.SinkhornIterations,
		AssignCrops: e.SwAV.AssignCrops, QueueLength: int64(e.SwAV.QueueLength), QueueStart: plan.QueueStart,
	})
}

func widths(ws []int) []int64 {
	out := make([]int64, len(ws))
	for i, w := range ws {
		out[i] = int64(w)
	}
	return out
}

// NewEngine puts an optimizer, and for fp16 a loss scale, on a system.
func NewEngine(system *swav.SwAV, e *config.Experiment, plan *config.Plan, dev torch.Device, channelsLast bool) (*train.Engine, error) {
	precision, err := train.ParsePrecision(e.Run.Precision)
	if err != nil {
		return nil, err
	}
	nn.SetChannelsLast(system, channelsLast)
	params := nn.Parameters(system)
	settings, err := settingsOf(params, e, plan)
	if err != nil {
		return nil, err
	}
	opt, err := optim.NewSGD(params, settings, optim.Options{
		Momentum: e.Optim.Momentum, Nesterov: e.Optim.Nesterov,
		Adaptation: optim.Adaptation(e.Optim.Adaptation), Trust: e.Optim.Trust,
	})
	engine := &train.Engine{
		Method: &Method{SwAV: system}, Optimizer: opt, Device: dev, Precision: precision, ChannelsLast: channelsLast,
		Mean: e.Augment.Mean, Std: e.Augment.Std,
	}
	if precision == torch.Float16 {
		engine.Scaler = train.NewScaler(dev)
	}
	return engine, err
}

// settingsOf applies the rules of the experiment and rests the prototypes for the first steps: while the trunk is random,
// moving them too leads to collapse (section 5.1 of arXiv 2006.09882).
func settingsOf(params []nn.Entry, e *config.Experiment, plan *config.Plan) ([]rules.Setting, error) {
	names := make([]string, len(params))
	for i, p := range params {
		names[i] = p.Name
	}
	settings, err := rules.Assign(plan.Rules, names, rules.Default(e.Optim.WeightDecay, e.Optim.Adaptation != "none"))
	if err != nil {
		return nil, fmt.Errorf("optim.rules: %w", err)
	}
	for i, name := range names {
		if name == "prototypes.weight" {
			settings[i].FreezeUntil = max(settings[i].FreezeUntil, plan.FreezePrototypes)
		}
	}
	return settings, nil
}
