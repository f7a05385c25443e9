// SPDX-License-Identifier: MIT

//go:build torchdebug

package torch_test

import (
	"runtime/pprof"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/torch"
)

// The profile tells where a tensor that is still open was made.
func TestLeakProfileNamesTheMaker(t *testing.T) {
	profile := pprof.Lookup("seer/torch.Tensor")
	require.NotNil(t, profile)
	before := profile.Count()
	leaked := torch.Ones(torch.Float32, torch.CPU, 2)
	assert.Equal(t, before+1, profile.Count())
	var text strings.Builder
	require.NoError(t, profile.WriteTo(&text, 1))
	assert.Contains(t, text.String(), "TestLeakProfileNamesTheMaker")
	leaked.Close()
	assert.Equal(t, before, profile.Count())
}
