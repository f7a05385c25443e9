// SPDX-License-Identifier: MIT

package inputs

import (
	"testing"

	"github.com/stretchr/testify/require"

	"seer/config"
)

func TestBatchesHaveToFit(t *testing.T) {
	e := config.Default()
	e.Crops = []config.Crop{{Count: 2, Size: 224}, {Count: 4, Size: 96}}
	e.Optim.Batch, e.Data.Prefetch = 8192, 2
	require.NoError(t, fits(e, 1, 16e9))
	require.ErrorContains(t, fits(e, 1, 8e9), "optim.batch = 8192, crops 2x224+4x96, data.prefetch = 2: "+
		"3 batches of 8192 images, 0.4 MB of pixels each image, are 10.1 GB, and this machine has 8.0 GB in all: lower one of the three")
	require.NoError(t, fits(e, 64, 8e9), "each of many processes holds its part")
	e.Data.Prefetch = 1000
	require.Error(t, fits(e, 1, 1e12))
	e.Optim.Batch, e.Data.Prefetch = 8, 2
	require.NoError(t, CheckMemory(e, 1))
	e.Optim.Batch = 1 << 40
	require.Error(t, CheckMemory(e, 1))
}
