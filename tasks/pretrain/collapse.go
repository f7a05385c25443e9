// SPDX-License-Identifier: MIT

package pretrain

import (
	"context"

	"seer/config"
	"seer/runfolder"
	"seer/ssl/swav"
	"seer/train"
)

// collapse warns when the loss rests at ln K. It is a hook and a part: the steps at ln K are counted over restarts.
type collapse struct {
	swav.CollapseDetector
	method *Method
	plan   *config.Resolved
	say    func(format string, args ...any)
}

func newCollapse(m *Method, plan *config.Resolved, say func(string, ...any)) *collapse {
	return &collapse{
		CollapseDetector: swav.CollapseDetector{K: m.Hyperparameters.Prototypes, Window: collapseWindow(plan.Steps)},
		method:           m, plan: plan, say: say,
	}
}

// collapseWindow is how many steps at ln K are too many: a twentieth of the run, at least a hundred.
func collapseWindow(steps int64) int64 { return max(100, steps/20) }

// watches tells whether the loss of a step (from 0) should be off ln K: while the rate rises and the prototypes rest it is
// there in sound runs too. The second half of a run is watched always.
func (c *collapse) watches(step int64) bool {
	return step >= min(max(c.plan.Warmup, c.plan.FreezePrototypes), c.plan.Steps/2)
}

// due asks for the health of a step that may complete a window.
func (c *collapse) due(step int64) bool { return c.watches(step) && c.Due() }

// observe is the hook.
func (c *collapse) observe(_ context.Context, e train.Event) error {
	if !c.watches(e.Step-1) || e.Result.NonFinite != nil {
		return nil
	}
	var health swav.Health
	if e.Result.Metrics != nil {
		health = c.method.Health
	}
	if advice := c.Observe(e.Result.Loss, health); advice != "" {
		c.say("warning: step %d: %s", e.Step, advice)
	}
	return nil
}

// Name implements runfolder.Part.
func (c *collapse) Name() string { return "collapse" }

// Save implements runfolder.Part.
func (c *collapse) Save(s *runfolder.Shard) error { return s.Put(c.At) }

// Load implements runfolder.Part.
func (c *collapse) Load(s *runfolder.Shard) error {
	_, err := s.Get(&c.At)
	return err
}
