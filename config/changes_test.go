// SPDX-License-Identifier: MIT

package config

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestChangesNameWhatAltersTheResult(t *testing.T) {
	before, after := Default(), Default()
	assert.Empty(t, Changes(before, after))
	after.Run.Dir, after.Data.Workers, after.Run.Keep = "elsewhere", 7, 9
	after.Data.Cache = Cache{Dir: "cache", Size: 1e9}
	assert.Empty(t, Changes(before, after), "where and how fast a run goes is no change of the experiment")
	after.Optim.BaseLR, after.Crops = 0.7, []Crop{{Count: 2, Size: 32}}
	after.Train.Duration = Duration{Value: 3, Unit: "ep"}
	changes := Changes(before, after)
	assert.Len(t, changes, 3)
	assert.Contains(t, changes[1], "optim.base_lr: 0.3, now 0.7")
}
