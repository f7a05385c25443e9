// SPDX-License-Identifier: MIT

package index

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"seer/internal/durable"
	"seer/internal/durable/durabletest"
)

// full is a disk with room for a number of bytes.
type full struct{ left int }

var errFull = errors.New("no space left on device")

func (f *full) Write(p []byte) (int, error) {
	if len(p) > f.left {
		return 0, errFull
	}
	f.left -= len(p)
	return len(p), nil
}

func TestEncoderReportsAFullDisk(t *testing.T) {
	for _, c := range []struct{ records, blocks int }{{100, 1 << 20}, {1 << 20, 20}} {
		enc := newEncoder(Layout{}, &full{c.records}, &full{c.blocks})
		var err error
		for _, e := range entries(1000, Layout{}, 1) {
			if err = enc.add(&e); err != nil {
				break
			}
		}
		require.ErrorIs(t, err, errFull)
	}
}

// A disk that fills up at any time is an error that names the file, and leaves nothing.
func TestFinishReportsFailedWrites(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x.idx")
	for _, op := range []durabletest.Op{durabletest.OpWrite, durabletest.OpSync, durabletest.OpRename} {
		full := &durabletest.Faulty{FS: durable.Disk, Before: func(o durabletest.Op, _ string) error {
			if o == op {
				return syscall.ENOSPC
			}
			return nil
		}}
		b, err := createOn(full, path, FileOptions{})
		require.NoError(t, err)
		fill(t, b, entries(100, Layout{}, 1))
		_, err = b.Finish(Meta{})
		require.ErrorIs(t, err, syscall.ENOSPC, op)
		require.ErrorContains(t, err, path)
		requireOnly(t, dir)
	}
	b, err := Create(path, FileOptions{})
	require.NoError(t, err)
	fill(t, b, entries(100, Layout{}, 1))
	require.NoError(t, b.file.side.Close())
	_, err = b.Finish(Meta{})
	require.ErrorIs(t, err, os.ErrClosed, "the block table")
	require.ErrorContains(t, err, path)
	requireOnly(t, dir)
}

func TestSpecialFilesAreRefused(t *testing.T) {
	_, err := Create("/dev/null", FileOptions{})
	require.ErrorContains(t, err, "a device")
	_, err = Create(t.TempDir(), FileOptions{})
	require.ErrorContains(t, err, "a folder")
}

func TestSortingReportsLostRuns(t *testing.T) {
	dir := t.TempDir()
	b, err := Create(filepath.Join(dir, "x.idx"), FileOptions{Sort: true, Memory: 1000})
	require.NoError(t, err)
	fill(t, b, entries(500, Layout{}, 1))
	require.NotEmpty(t, b.sorter.runs)
	require.NoError(t, b.sorter.runs[0].Truncate(10))
	_, err = b.Finish(Meta{})
	require.ErrorContains(t, err, "unexpected EOF")
	requireOnly(t, dir)
}

// An index that is built anew replaces the old one at the end; whoever has the
// old one open keeps it.
func TestRebuildingLeavesReadersAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.idx")
	make := func(n int) *Table {
		b, err := Create(path, FileOptions{})
		require.NoError(t, err)
		defer b.Abort()
		fill(t, b, entries(n, Layout{}, 7))
		tab, err := b.Finish(Meta{})
		require.NoError(t, err)
		return tab
	}
	old := make(100)
	defer old.Close()
	b, err := Create(path, FileOptions{})
	require.NoError(t, err)
	fill(t, b, entries(50, Layout{}, 8))
	b.Abort()
	again, err := Open(path)
	require.NoError(t, err)
	require.EqualValues(t, 100, again.Len(), "what was given up has left no trace")
	require.NoError(t, again.Close())
	next := make(300)
	defer next.Close()
	requireEntries(t, entries(100, Layout{}, 7), old)
	requireEntries(t, entries(300, Layout{}, 7), next)
}

func TestEmptyTable(t *testing.T) {
	tab := finish(t, NewBuilder(Layout{}), Meta{})
	require.Zero(t, tab.Len())
	require.Len(t, tab.Fingerprint(), 64)
	require.NoError(t, tab.Each(func(int64, Entry) error { return errors.New("called") }))
	require.Panics(t, func() { tab.Entry(0, nil) })
}
