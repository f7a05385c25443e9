// SPDX-License-Identifier: MIT

package main

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/data/datatest"
)

// A recipe trains as it is written, and says nothing against itself.
func TestARecipeTrains(t *testing.T) {
	out, messages, err := invoke(t, "recipe", coloured(t, 30), "--hours", "0.0001")
	require.NoError(t, err, messages)
	assert.Regexp(t, `30 images of 36 pixels: tiny, crops of 32, batch 8, 8 prototypes, \d+ epochs\n`, messages) // as many as this machine can
	path := filepath.Join(t.TempDir(), "mine.toml")
	datatest.Write(t, path, []byte(out))
	_, messages, err = invoke(t, "pretrain", path, "--set", "run.dir="+filepath.Join(t.TempDir(), "run"))
	require.NoError(t, err, messages)
	assert.NotContains(t, messages, "warning")

	for want, args := range map[string][]string{
		"takes one argument": {"recipe"}, "--hours 0: must be more than 0": {"recipe", "x", "--hours", "0"},
		"no such file": {"recipe", "/nowhere"},
	} {
		_, _, err := invoke(t, args...)
		assert.ErrorContains(t, err, want)
	}
}
