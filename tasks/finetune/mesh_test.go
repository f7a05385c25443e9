// SPDX-License-Identifier: MIT

package finetune

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"seer/config"
	"seer/mesh"
	"seer/tasks/launch"
)

func TestSettingsThatNeedTheWholeBatchAreRefusedOnSeveralProcesses(t *testing.T) {
	for key, set := range map[string]func(*config.Finetune){
		"finetune.mixup":         func(f *config.Finetune) { f.Mixup = 0.8 },
		"finetune.cutmix":        func(f *config.Finetune) { f.Cutmix = 1 },
		"finetune.multi_label":   func(f *config.Finetune) { f.MultiLabel = true },
		"finetune.class_weights": func(f *config.Finetune) { f.ClassWeights = "weights.csv" },
	} {
		e := config.Default()
		several := &run{Launch: &launch.Launch{StartOptions: launch.StartOptions{Mesh: &mesh.Mesh{}}, Experiment: e}}
		assert.NoError(t, several.checkMesh())
		set(&e.Finetune)
		assert.ErrorContains(t, several.checkMesh(), key)
		alone := &run{Launch: &launch.Launch{Experiment: e}}
		assert.NoError(t, alone.checkMesh())
		e.Train.Accumulate = 2
		assert.ErrorContains(t, alone.checkMesh(), key)
		assert.ErrorContains(t, alone.checkMesh(), "train.accumulate = 2")
	}
}
