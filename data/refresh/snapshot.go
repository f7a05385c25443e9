// SPDX-License-Identifier: MIT

package refresh

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"seer/data/index"
	"seer/data/source"
	"seer/internal/durable"
)

// snapshots is a folder that remembers which list of images served which steps
// of a run: an index file for every list, named by its fingerprint, and a
// small file for every segment of the run.
type snapshots struct {
	dir    string
	images source.Location
}

// First is the list that a run begins with.
type First struct {
	Source      source.Source
	fingerprint string
	snaps       snapshots
	waiting     string // the list's file, where it is not yet in the folder
}

// OpenFirst opens the list that the run in ref.Dir begins with. What a run is
// planned by, its number of images, is then the same whenever it starts again,
// whatever the source has become. The first call lists the source into a folder
// that staging gives, and leaves ref.Dir as it is until [First.Keep].
func OpenFirst(ctx context.Context, ref Policy, staging func() (string, error)) (*First, error) {
	f := &First{snaps: snapshots{dir: ref.Dir, images: ref.Source}}
	var known bool
	var err error
	if f.fingerprint, known, err = f.snaps.first(); err != nil {
		return nil, err
	}
	from := f.snaps
	if !known {
		if from.dir, err = staging(); err != nil {
			return nil, fmt.Errorf("data: snapshots: %w", err)
		}
		if f.fingerprint, err = from.take(ctx); err != nil {
			return nil, err
		}
		f.waiting = from.indexPath(f.fingerprint)
	}
	f.Source, err = from.open(segment{Snapshot: f.fingerprint})
	return f, err
}

// Keep makes the list the run's first. The open Source stays as it is.
func (f *First) Keep() error {
	if f.waiting == "" {
		return nil
	}
	if err := f.snaps.keepFirst(f.waiting, f.fingerprint); err != nil {
		return fmt.Errorf("data: snapshots: %w", err)
	}
	f.waiting = ""
	return nil
}

// firstFile holds the fingerprint of a run's first list.
const firstFile = "first"

// fingerprintDigits is the length of a fingerprint.
const fingerprintDigits = 64

// first returns the fingerprint of the run's first list, if there is one.
func (s *snapshots) first() (fingerprint string, known bool, err error) {
	text, err := readSmall(filepath.Join(s.dir, firstFile))
	if errors.Is(err, fs.ErrNotExist) {
		return "", false, nil
	}
	if err == nil && len(text) != fingerprintDigits {
		err = fmt.Errorf("%s does not hold a fingerprint of %d digits", filepath.Join(s.dir, firstFile), fingerprintDigits)
	}
	if err != nil {
		return "", false, fmt.Errorf("data: snapshots: %w", err)
	}
	return string(text), true, nil
}

// keepFirst gives a list its place and its name in the folder: first the list,
// then what names it.
func (s *snapshots) keepFirst(list, fingerprint string) error {
	if _, err := durable.MkdirAll(durable.Disk, s.dir); err != nil {
		return err
	}
	if err := os.Rename(list, s.indexPath(fingerprint)); err != nil {
		return err
	}
	if err := durable.Disk.SyncDir(s.dir); err != nil {
		return err
	}
	return durable.WriteFile(filepath.Join(s.dir, firstFile), func(w io.Writer) error {
		_, err := io.WriteString(w, fingerprint)
		return err
	})
}

// maxSmall bounds the small files of a folder of snapshots.
const maxSmall = 1 << 16

// readSmall reads a file that has a line or two, and is an error where it is more.
func readSmall(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxSmall+1))
	if err == nil && len(text) > maxSmall {
		err = fmt.Errorf("%s has more than %d bytes: it is something else", path, maxSmall)
	}
	return text, err
}

// segment is a stretch of steps that one snapshot serves.
type segment struct {
	Number      int64  `json:"number"`
	FirstStep   int64  `json:"first_step"`
	EndStep     int64  `json:"end_step"` // exclusive
	FirstEpoch  uint64 `json:"first_epoch"`
	Snapshot    string `json:"snapshot"` // fingerprint of the list
	GlobalBatch int64  `json:"global_batch"`
}

func (s *snapshots) segmentPath(number int64) string {
	return filepath.Join(s.dir, fmt.Sprintf("segment-%06d.json", number))
}

func (s *snapshots) indexPath(fingerprint string) string {
	return filepath.Join(s.dir, fingerprint+".seeridx")
}

// take lists the source as it is now. It returns the fingerprint of the list,
// whose file is then in the folder.
func (s *snapshots) take(ctx context.Context) (string, error) {
	if _, err := durable.MkdirAll(durable.Disk, s.dir); err != nil {
		return "", fmt.Errorf("data: snapshots: %w", err)
	}
	incoming := durable.TempName(filepath.Join(s.dir, "incoming.seeridx"))
	defer os.Remove(incoming)
	if err := source.Pin(ctx, s.images, incoming); err != nil {
		return "", err
	}
	t, err := index.Open(incoming)
	if err != nil {
		return "", fmt.Errorf("data: snapshot: %w", err)
	}
	fingerprint := t.Fingerprint()
	t.Close()
	// An equal list is the same snapshot: the new file takes the old one's
	// place, and runs that have that one open do not notice.
	err = os.Rename(incoming, s.indexPath(fingerprint))
	if err == nil {
		err = durable.Disk.SyncDir(s.dir)
	}
	if err != nil {
		return "", fmt.Errorf("data: snapshot: %w", err)
	}
	return fingerprint, nil
}

// open opens the list of a segment.
func (s *snapshots) open(seg segment) (source.Source, error) {
	list := s.images
	list.Path, list.Kind = s.indexPath(seg.Snapshot), "index"
	src, err := source.Open(list)
	if err != nil {
		return nil, fmt.Errorf("snapshot of steps %d to %d: %w", seg.FirstStep, seg.EndStep-1, err)
	}
	return src, nil
}

// load reads a segment; ok is false where the run has not come to it yet.
func (s *snapshots) load(number int64) (seg segment, ok bool, err error) {
	path := s.segmentPath(number)
	text, err := readSmall(path)
	if errors.Is(err, fs.ErrNotExist) {
		return seg, false, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &seg)
	}
	if err == nil && (seg.Number != number || seg.EndStep <= seg.FirstStep || len(seg.Snapshot) != fingerprintDigits) {
		err = fmt.Errorf("it does not describe segment %d: %s", number, text)
	}
	if err != nil {
		return seg, false, fmt.Errorf("data: snapshots: %s: %w", path, err)
	}
	return seg, true, nil
}

// store writes a segment whole or not at all: other ranks wait for the file,
// and a resumed run trusts it.
func (s *snapshots) store(seg segment) error {
	err := durable.WriteFile(s.segmentPath(seg.Number), func(w io.Writer) error {
		return json.NewEncoder(w).Encode(seg)
	})
	if err != nil {
		return fmt.Errorf("data: snapshots: %w", err)
	}
	return nil
}

// wait polls for a segment that rank 0 will write.
func (s *snapshots) wait(ctx context.Context, number int64) (segment, error) {
	for {
		seg, ok, err := s.load(number)
		if ok || err != nil {
			return seg, err
		}
		select {
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
			return segment{}, fmt.Errorf("data: waiting for rank 0 to write %s: %w", s.segmentPath(number), context.Cause(ctx))
		}
	}
}

// prune removes the lists that the last keep segments do not need. What a
// segment file names can then no longer be resumed, which the error will say.
func (s *snapshots) prune(last int64, keep int) error {
	if keep <= 0 {
		return nil
	}
	var needed []string
	for n := max(0, last-int64(keep)+1); n <= last; n++ {
		seg, ok, err := s.load(n)
		if err != nil {
			return err
		}
		if ok {
			needed = append(needed, s.indexPath(seg.Snapshot))
		}
	}
	found, err := os.ReadDir(s.dir)
	if err != nil {
		return fmt.Errorf("data: snapshots: %w", err)
	}
	for _, f := range found {
		path := filepath.Join(s.dir, f.Name())
		if filepath.Ext(path) != ".seeridx" || slices.Contains(needed, path) {
			continue
		}
		if err := os.Remove(path); err != nil {
			return fmt.Errorf("data: snapshots: %w", err)
		}
	}
	return nil
}
