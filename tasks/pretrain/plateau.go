// SPDX-License-Identifier: MIT

package pretrain

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

// observe is the hook.
func (p plateau) observe(_ context.Context, e train.Event) error {
	if e.Step > p.warmup {
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
