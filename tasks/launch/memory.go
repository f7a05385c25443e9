// SPDX-License-Identifier: MIT

package launch

import (
	"seer/config"
	"seer/footprint"
	"seer/recompute"
)

// Recomputation is what [memory] of an experiment has a step of that task compute again; nil: nothing. A process has so
// many images a step; classes are those of fine-tuning.
func Recomputation(e *config.Experiment, task config.Task, images, classes int) (recompute.Plan, error) {
	if e.Memory.Checkpoint == "none" {
		return nil, nil
	}
	step, err := footprint.StepOf(e, task, int64(images), int64(classes))
	if err != nil {
		return nil, err
	}
	plan, err := step.Plan(e.Memory)
	if err != nil || !plan.Recomputes() {
		return nil, err
	}
	return plan, nil
}
