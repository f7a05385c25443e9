// SPDX-License-Identifier: MIT

package inputs

import (
	"testing"

	"github.com/stretchr/testify/require"

	"seer/config"
	"seer/data/augment"
)

func TestBatchesHaveToFit(t *testing.T) {
	require.NoError(t, fit(augment.SEER(), 8192, 2, 16e9))
	require.ErrorContains(t, fit(augment.SEER(), 8192, 2, 8e9),
		"3 batches of 8192 images, 0.4 MB of pixels each image, are 10.1 GB, and this machine has 8.0 GB in all: take smaller batches")
	require.NoError(t, fit(augment.SEER(), 128, 2, 8e9))
	require.Error(t, fit(augment.SEER(), 8192, 1000, 1e12))
}

func TestMemoryOfAnExperiment(t *testing.T) {
	e := config.Default()
	e.Crops = []config.Crop{{Count: 2, Size: 224}, {Count: 4, Size: 96}}
	e.Optim.Batch = 8
	require.NoError(t, CheckMemory(e, 1))
	e.Optim.Batch = 1 << 40
	require.ErrorContains(t, CheckMemory(e, 1), "optim.batch = 1099511627776, crops 2x224+4x96, data.prefetch = 2: 3 batches of 1099511627776 images")
	require.NoError(t, CheckMemory(e, 1<<37), "each of many processes holds its part")
}
