// SPDX-License-Identifier: MIT

package config_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/config"
)

func TestMetadataDescribesATrunk(t *testing.T) {
	mean, std := [3]float64{0.1, 1. / 3, 0.3}, [3]float64{0.4, 0.5, 2. / 3}
	for _, m := range []config.Model{
		{Arch: "regnet_y_16gf"},
		{Arch: "regnet_y", Depth: 4, W0: 16, WA: 16.123456789, WM: 2.2, GroupWidth: 8},
	} {
		meta, err := config.Metadata(m, mean, std)
		require.NoError(t, err)
		var gotMean, gotStd [3]float64
		got, err := config.FromMetadata(meta, &gotMean, &gotStd)
		require.NoError(t, err)
		assert.Equal(t, m, got)
		assert.Equal(t, mean, gotMean)
		assert.Equal(t, std, gotStd)
	}
}

func TestMetadataOfOthers(t *testing.T) {
	mean, std := [3]float64{1, 2, 3}, [3]float64{4, 5, 6}
	m, err := config.FromMetadata(map[string]string{"format": "pt", "arch": "their own"}, &mean, &std)
	require.NoError(t, err)
	assert.Equal(t, config.Model{}, m)
	assert.Equal(t, [3]float64{1, 2, 3}, mean)
	for key, text := range map[string]string{"mean": "[1, 2]", "std": "[1, 0, 1]", "regnet_y": "[]"} {
		_, err := config.FromMetadata(map[string]string{key: text}, &mean, &std)
		assert.ErrorContains(t, err, "metadata "+key+" = ")
	}
}
