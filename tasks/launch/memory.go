// SPDX-License-Identifier: MIT

package launch

import (
	"seer/config"
	"seer/footprint"
	"seer/recompute"
)

// Recomputation is what [memory] of an experiment has a step of that task keep, and compute again. A process has so many
// images a step; classes are those of fine-tuning. Where nothing is computed again, the backward pass still goes segment
// by segment: it has the same bits as a single one, and with several resolutions it takes less memory, because a single
// one holds the gradients of all parameters when it begins with the first resolution.
func Recomputation(e *config.Experiment, task config.Task, images, classes int) (recompute.Plan, error) {
	step, err := footprint.StepOf(e, task, int64(images), int64(classes))
	if err != nil {
		return nil, err
	}
	return step.Plan(e.Memory)
}
