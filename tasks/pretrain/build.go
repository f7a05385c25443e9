// SPDX-License-Identifier: MIT

package pretrain

import (
	"seer/config"
	"seer/models"
	"seer/models/sketch"
	"seer/nn"
	"seer/optim/rules"
	"seer/ssl/swav"
	"seer/tasks/launch"
	"seer/torch"
	"seer/train"
)

// NewSystem allocates trunk, head, prototypes and queue of an experiment on dev, initialised from its seed.
func NewSystem(e *config.Experiment, plan *config.Resolved, dev torch.Device) (system *swav.SwAV, err error) {
	n, err := e.Model.Trunk()
	if err != nil {
		return nil, err
	}
	torch.Seeded(e.Run.Seed, func() { system, err = newSystem(n, e, plan, dev) })
	return system, err
}

func newSystem(n sketch.Network, e *config.Experiment, plan *config.Resolved, dev torch.Device) (*swav.SwAV, error) {
	trunk, err := models.New(n, dev, 0)
	if err != nil {
		return nil, err
	}
	return swav.New(trunk, dev, swav.Hyperparameters{
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

// NewEngine puts an optimizer on a system. The prototypes rest for the first steps: while the trunk is random, moving
// them too leads to collapse (section 5.1 of arXiv 2006.09882).
func NewEngine(system *swav.SwAV, e *config.Experiment, plan *config.Resolved, dev torch.Device, channelsLast bool) (*train.Engine, error) {
	again, err := launch.Recomputation(e, config.Pretrain, plan.BatchPerRank, 0)
	if err != nil {
		return nil, err
	}
	engine, err := launch.NewEngine(&Method{SwAV: system}, e, plan, dev, channelsLast, func(p nn.Entry, s *rules.Setting) {
		if p.Name == "prototypes.weight" {
			s.FreezeUntil = max(s.FreezeUntil, plan.FreezePrototypes)
		}
	})
	if err == nil {
		engine.Plan = again
	}
	return engine, err
}
