// SPDX-License-Identifier: MIT

package launch

import (
	"context"

	"seer/optim/schedule"
	"seer/runfolder"
	"seer/train"
)

// plateau follows the loss for schedule.kind = "plateau": a hook and a part.
type plateau struct {
	*schedule.Plateau
	warmup int64
}

// followLoss has a program feed a plateau with its losses; nil for other schedules.
func followLoss(p *train.Program, falling *schedule.Plateau, warmup int64) {
	if falling == nil {
		return
	}
	follower := plateau{falling, warmup}
	p.Hooks = append(p.Hooks, train.Hook{Name: "plateau", Every: 1, Run: follower.observe})
	p.Parts = append(p.Parts, follower)
}

// observe is the hook.
func (p plateau) observe(_ context.Context, e train.Event) error {
	if e.Step > p.warmup && e.Result.NonFinite == nil {
		p.Observe(e.Result.Loss)
	}
	return nil
}

// Name implements runfolder.Part.
func (plateau) Name() string { return "plateau" }

// Save implements runfolder.Part.
func (p plateau) Save(s *runfolder.Shard) error { return s.Put(p.Plateau) }

// Load implements runfolder.Part.
func (p plateau) Load(s *runfolder.Shard) error {
	var saved schedule.Plateau
	found, err := s.Get(&saved)
	if err == nil && found {
		p.Restore(saved)
	}
	return err
}
