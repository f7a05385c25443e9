// SPDX-License-Identifier: MIT

//go:build asan

package torch

import (
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What the sanitized pass relies on: a handle that reaches C after it was freed ends the process with a report, so that
// the tests of this package that pass under it read no freed handle.
func TestSanitizerSeesAFreedHandle(t *testing.T) {
	if os.Getenv("SEER_USE_AFTER_FREE") != "" {
		x := Ones(Float32, CPU, 2)
		freed := x.handle
		x.Close()
		(&Tensor{handle: freed}).Numel()
		return
	}
	self, err := os.Executable()
	require.NoError(t, err)
	c := exec.Command(self, "-test.run=^TestSanitizerSeesAFreedHandle$")
	c.Env = append(os.Environ(), "SEER_USE_AFTER_FREE=1")
	out, err := c.CombinedOutput()
	assert.Error(t, err)
	assert.Contains(t, string(out), "heap-use-after-free")
}
