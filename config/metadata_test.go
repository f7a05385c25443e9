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

// A text that is no list of numbers is another program's, and tells nothing: half of a normalisation would be none.
func TestMetadataOfOthersUnderOurKeys(t *testing.T) {
	for _, text := range []string{"imagenet", "", "null", "0.5", `"0.5"`, "(0.485, 0.456, 0.406)", `["a", "b", "c"]`, "{}"} {
		for _, key := range []string{"mean", "std"} {
			mean, std := [3]float64{1, 2, 3}, [3]float64{4, 5, 6}
			meta := map[string]string{"arch": "regnet_y_16gf", "mean": "[7, 7, 7]", "std": "[8, 8, 8]"}
			meta[key] = text
			m, err := config.FromMetadata(meta, &mean, &std)
			require.NoError(t, err, text)
			assert.Equal(t, "regnet_y_16gf", m.Arch)
			assert.Equal(t, [3]float64{1, 2, 3}, mean, text)
			assert.Equal(t, [3]float64{4, 5, 6}, std, text)
		}
	}
}
