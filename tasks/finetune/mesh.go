// SPDX-License-Identifier: MIT

package finetune

import "fmt"

// checkMesh refuses settings whose loss needs more of the batch than a process of several, or a pass of several, has: its
// mean over these would not be that of the whole batch.
func (r *run) checkMesh() error {
	f, passes := r.Experiment.Finetune, r.Experiment.Train.Accumulate
	refuse := func(key string, value any, why string) error {
		if passes > 1 {
			return fmt.Errorf("finetune.%s = %v: %s, and each of train.accumulate = %d passes has a part of it; leave one of them out", key, value, why, passes)
		}
		return fmt.Errorf("finetune.%s = %v: %s, and each of the %d processes has a part of it; leave it out, or use one process", key, value, why, r.Mesh.Size())
	}
	switch {
	case r.Mesh == nil && passes <= 1:
		return nil
	case f.Mixup > 0:
		return refuse("mixup", f.Mixup, "it pairs images from both ends of the batch")
	case f.Cutmix > 0:
		return refuse("cutmix", f.Cutmix, "it pairs images from both ends of the batch")
	case f.MultiLabel:
		return refuse("multi_label", f.MultiLabel, "its loss is a mean over the labels of the batch that count")
	case f.ClassWeights != "":
		return refuse("class_weights", f.ClassWeights, "its loss is a mean weighted over the batch")
	}
	return nil
}
