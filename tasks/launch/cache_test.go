// SPDX-License-Identifier: MIT

package launch

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"seer/data/remote"
)

func TestCacheIsWarnedAboutOnce(t *testing.T) {
	var out strings.Builder
	w := &cacheWatch{Launch: &Launch{StartOptions: StartOptions{Out: &out}}}
	w.warn(1, remote.CacheStats{Hits: 5})
	require.Empty(t, out.String())
	for step := range int64(3) {
		w.warn(step, remote.CacheStats{Failures: 1 + step, Err: errors.New("cache dir: no space left")})
	}
	require.Equal(t, "warning: step 0: cache dir: no space left. What data.cache cannot give is read from afar\n", out.String())
}
