// SPDX-License-Identifier: MIT

package source

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFailuresAreForgotten(t *testing.T) {
	var f failures
	gone := errors.New("gone")
	for i := range int64(maxFailures + 10) {
		f.add(i, gone)
	}
	require.ErrorIs(t, f.of(0), gone)
	require.NoError(t, f.of(-1))
	for i := range int64(maxFailures) {
		f.add(maxFailures+10+i, gone)
	}
	require.NoError(t, f.of(0), "too many")
	require.LessOrEqual(t, len(f.now)+len(f.before), 2*maxFailures)
	last := int64(2*maxFailures + 9)
	f.begun = f.begun.Add(-failureTime)
	require.ErrorIs(t, f.of(last), gone)
	f.begun = f.begun.Add(-failureTime)
	require.NoError(t, f.of(last), "too long ago")
}
