// SPDX-License-Identifier: MIT

package runfolder_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/internal/durable"
	"seer/runfolder"
)

// slowDisk makes no file of a checkpoint until it may, and then perhaps none.
type slowDisk struct {
	durable.FS
	slow atomic.Bool
	may  chan error
}

func (d *slowDisk) Create(path string, perm fs.FileMode) (durable.File, error) {
	if d.slow.Load() {
		if err := <-d.may; err != nil {
			return nil, err
		}
	}
	return d.FS.Create(path, perm)
}

// filled is a part with a tensor.
type filled struct{ fill byte }

func (filled) Name() string { return "filled" }

func (p *filled) Save(s *runfolder.Shard) error {
	s.PutTensors(runfolder.ModelFile, weights(p.fill))
	return s.Put(int(p.fill))
}

func (*filled) Load(*runfolder.Shard) error { return nil }

// What is written in the background is what the parts were when it began.
func TestACheckpointIsWrittenInTheBackground(t *testing.T) {
	disk := &slowDisk{FS: durable.Disk, may: make(chan error)}
	f := open(t, t.TempDir(), runfolder.KeepOptions{FS: disk})
	part := &filled{1}
	snap := func(step int64) *runfolder.Snapshot {
		s, err := runfolder.Snap(step, []runfolder.Part{part}, nil)
		require.NoError(t, err)
		return s
	}
	disk.slow.Store(true)
	require.NoError(t, f.Write(snap(1)))
	part.fill = 2
	assert.True(t, f.Writing())
	assert.Zero(t, f.SavedStep())
	close(disk.may)
	require.NoError(t, f.Written())
	assert.False(t, f.Writing())
	assert.EqualValues(t, 1, f.SavedStep())
	c, err := f.Newest()
	require.NoError(t, err)
	file, err := c.Open(runfolder.ModelFile)
	require.NoError(t, err)
	defer file.Close()
	w, err := file.Read("w")
	require.NoError(t, err)
	assert.EqualValues(t, 1, w.Data[0])

	// The error is that of whoever asks next, and the checkpoint before stays.
	disk.may = make(chan error, 4)
	full := errors.New("no space left")
	for range cap(disk.may) {
		disk.may <- full
	}
	require.NoError(t, f.Write(snap(2)))
	require.ErrorIs(t, f.Write(snap(3)), full)
	require.NoError(t, f.Written(), "it was told")
	assert.EqualValues(t, 1, f.SavedStep())
	disk.slow.Store(false)
	require.NoError(t, f.Write(snap(3)))
	require.NoError(t, f.Close(), "which waits")
	assert.Equal(t, []string{"1", "3"}, steps(t, f.Dir()))
}

func TestTheBestCheckpointStays(t *testing.T) {
	f := open(t, t.TempDir(), runfolder.KeepOptions{Keep: 1})
	for step := int64(1); step <= 9; step++ {
		best := min(step, 3)
		if step > 6 {
			best = 7
		}
		f.Retain(4, best)
		require.NoError(t, f.Save(step, write(step, 1)))
		link, err := os.Readlink(f.Path(runfolder.BestName))
		require.NoError(t, err)
		assert.Equal(t, filepath.Join(runfolder.CheckpointsDir, runfolder.StepName(best)), link)
	}
	assert.Equal(t, []string{"4", "7", "8", "9"}, steps(t, f.Dir()))
}
