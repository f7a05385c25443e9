// SPDX-License-Identifier: MIT

package config

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestLayersReadAndWrite(t *testing.T) {
	for text, want := range map[string]Layer{
		"pool":         {},
		"stage3":       {Stage: 3, Rows: 1, Columns: 1},
		"stage3:2x1":   {Stage: 3, Rows: 2, Columns: 1},
		"blocks1":      {Blocks: 1},
		"blocks4+mean": {Blocks: 4, Mean: true},
	} {
		got, err := ParseLayer(text)
		require.NoError(t, err)
		assert.Equal(t, want, got, text)
		again, err := ParseLayer(got.String())
		require.NoError(t, err)
		assert.Equal(t, want, again, text)
	}
	for _, text := range []string{"", "res5", "stage0", "stage3:0x1", "stage3:2", "blocks0", "blocks4+max", "pool:1x1", "stage123"} {
		_, err := ParseLayer(text)
		assert.ErrorContains(t, err, `write "pool", "stage3:2x1"`, text)
	}
	_, err := load(t, "version = 1\n[linear]\nlayers = [\"pool\", \"res5\"]")
	assert.ErrorContains(t, err, `"res5" is no layer`)
	e := Default()
	require.NoError(t, e.Set([]string{"linear.layers=stage3:2x1,stage4:1x2,pool"}))
	assert.Equal(t, []Layer{{Stage: 3, Rows: 2, Columns: 1}, {Stage: 4, Rows: 1, Columns: 2}, {}}, e.Linear.Layers)
}
