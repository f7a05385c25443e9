// SPDX-License-Identifier: MIT

package runfolder_test

import (
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/runfolder"
)

type metric struct {
	Step int64   `json:"step"`
	Loss float64 `json:"loss"`
}

// continued begins a run with a log behind a step.
func continued(t *testing.T, f *runfolder.Folder, name string, step int64) *runfolder.Log {
	t.Helper()
	require.NoError(t, f.Begin(runfolder.Start{Logs: map[string]int64{name: step}}))
	return f.Log(name)
}

func TestLogContinuesWithoutDuplicates(t *testing.T) {
	const before = `{"step":1,"loss":4}
{"event":"started"}
{"step":2,"loss":3}
{"step":3,"loss":2}
{"step":4,"lo`
	tests := map[string]struct {
		content string
		step    int64
		want    string
	}{
		"resume in the middle": {before, 2, "{\"step\":1,\"loss\":4}\n{\"event\":\"started\"}\n{\"step\":2,\"loss\":3}\n"},
		"only a torn line":     {before, 9, strings.TrimSuffix(before, `{"step":4,"lo`)},
		"from the beginning":   {before, -1, "{\"event\":\"started\"}\n"},
		"nothing to drop":      {"{\"step\":1}\n", 1, "{\"step\":1}\n"},
		"torn in the middle":   {"{\"step\":1}\n{\"ste{\"step\":2}\n{\"step\":3}\n", 3, "{\"step\":1}\n{\"step\":3}\n"},
		"empty":                {"", 5, ""},
		"zeros":                {"{\"step\":1}\n" + strings.Repeat("\x00", 3<<20), 20, "{\"step\":1}\n"},
		"zeros, then a line":   {strings.Repeat("\x00", 3<<20) + "\n{\"step\":1}\n", 20, "{\"step\":1}\n"},
		"cut number":           {"{\"step\":1}\n{\"step\":12", 20, "{\"step\":1}\n"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			f := look(t, t.TempDir(), runfolder.KeepOptions{})
			path := f.Path(runfolder.MetricsLog)
			require.NoError(t, os.WriteFile(path, []byte(tt.content), 0o644))
			log := continued(t, f, runfolder.MetricsLog, tt.step)
			require.NoError(t, log.Append(metric{Step: 99, Loss: 1}))
			got, err := os.ReadFile(path)
			require.NoError(t, err)
			assert.Equal(t, tt.want+"{\"step\":99,\"loss\":1}\n", string(got))
		})
	}
}

func TestLogIsSafeForManyWriters(t *testing.T) {
	f := look(t, t.TempDir(), runfolder.KeepOptions{})
	log := continued(t, f, runfolder.BadImagesLog, -1)
	var wait sync.WaitGroup
	for i := range 8 {
		wait.Go(func() {
			for j := range 100 {
				assert.NoError(t, log.Append(metric{Step: int64(100*i + j)}))
			}
		})
	}
	wait.Wait()
	_, err := log.Write([]byte("{\"step\":1000}\n"))
	require.NoError(t, err)
	lines, err := runfolder.ReadLog[metric](f.Path(runfolder.BadImagesLog))
	require.NoError(t, err)
	seen := map[int64]bool{}
	for _, l := range lines {
		seen[l.Step] = true
	}
	assert.Len(t, seen, 801)
	require.Error(t, log.Append(make(chan int)))
}

func TestReadLog(t *testing.T) {
	f := open(t, t.TempDir(), runfolder.KeepOptions{})
	path := f.Path(runfolder.MetricsLog)
	require.NoError(t, os.WriteFile(path, []byte("{\"step\":1}\n{\"step\":2"), 0o644))
	lines, err := runfolder.ReadLog[metric](path)
	require.NoError(t, err)
	assert.Equal(t, []metric{{Step: 1}}, lines, "a line that is being written is left out")

	require.NoError(t, os.WriteFile(path, []byte("{\"step\":1}\nnonsense\n"), 0o644))
	_, err = runfolder.ReadLog[metric](path)
	require.ErrorContains(t, err, path+":2:")
	_, err = runfolder.ReadLog[metric](f.Path("absent"))
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestLogAfterClose(t *testing.T) {
	f := look(t, t.TempDir(), runfolder.KeepOptions{})
	log := continued(t, f, runfolder.MetricsLog, -1)
	require.NoError(t, log.Close())
	require.NoError(t, log.Close())
	require.NoError(t, log.Sync())
	require.ErrorIs(t, log.Append(metric{}), os.ErrClosed)
}

// Whatever a log holds, continuing it leaves whole lines of steps that were done.
func FuzzLog(f *testing.F) {
	f.Add([]byte("{\"step\":1}\n{\"event\":\"x\"}\n{\"step\":9}\n{\"st"), int64(5))
	f.Add([]byte("[]\nnull\n\n1\n{\"step\":null}\n"), int64(0))
	f.Fuzz(func(t *testing.T, content []byte, step int64) {
		folder := look(t, memoryDir(t), runfolder.KeepOptions{})
		path := folder.Path(runfolder.MetricsLog)
		require.NoError(t, os.WriteFile(path, content, 0o644))
		log := continued(t, folder, runfolder.MetricsLog, step)
		require.NoError(t, log.Append(metric{Step: step}))
		lines, err := runfolder.ReadLog[metric](path)
		if err != nil { // lines of JSON that are no metrics stay, as they have no step to drop them by
			return
		}
		for _, l := range lines {
			require.LessOrEqual(t, l.Step, max(step, 0))
		}
	})
}
