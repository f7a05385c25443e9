// SPDX-License-Identifier: MIT

package pretrain

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"seer/data/datatest"
)

// A run whose folder of images grows, stopped at any instant and continued, ends with the bits of a run that was never
// stopped and is served the same lists.
func TestRefreshedRunResumes(t *testing.T) {
	images := drawnImages(t)
	file, run := smallRun(t, images, 2, 40)
	withRefresh(t, file)
	var said strings.Builder
	for i := 0; ; i++ {
		require.Less(t, i, 100, said.String())
		ctx, cancel := context.WithTimeout(context.Background(), 150*time.Millisecond)
		out, err := pretrain(ctx, t, file)
		cancel()
		said.WriteString(out)
		if err == nil {
			break
		}
		require.True(t, errors.Is(err, context.DeadlineExceeded), "%v\n%s", err, out)
		datatest.Write(t, filepath.Join(images, fmt.Sprintf("new-%02d.jpg", i)), datatest.JPEG(50, 40, uint64(100+i)))
	}
	lists, err := filepath.Glob(filepath.Join(run, "snapshots", "*.seeridx"))
	require.NoError(t, err)
	require.Greater(t, len(lists), 1, "the folder has grown, and the run has not seen it:\n%s", said.String())
	require.Contains(t, said.String(), ": a new list of data.source, ")

	again, straight := smallRun(t, images, 1, 40)
	withRefresh(t, again)
	require.NoError(t, os.CopyFS(filepath.Join(straight, "snapshots"), os.DirFS(filepath.Join(run, "snapshots"))))
	out, err := pretrain(context.Background(), t, again)
	require.NoError(t, err, out)
	require.Equal(t, digest(t, run), digest(t, straight))
}

func withRefresh(t *testing.T, file string) {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, []byte(strings.Replace(string(text), "[data]\n", "[data]\nrefresh = \"1ep\"\n", 1)), 0o644))
}
