// SPDX-License-Identifier: MIT

package runfolder

import "seer/internal/durable"

// Follow is the run folder as another process of the same run sees it, whose rank 0 has opened it: that one holds the
// lock, and alone begins, saves and removes. A follower reads checkpoints by [Load] and appends to logs.
func Follow(dir string) *Folder {
	return &Folder{dir: dir, disk: durable.Disk, logs: map[string]*Log{}}
}

// Append opens logs that rank 0 has begun, so that a follower's lines stand among the others'.
func (f *Folder) Append(names ...string) error {
	for _, name := range names {
		file, err := f.disk.Append(f.Path(name), logPerm)
		if err != nil {
			return f.named(err)
		}
		f.logs[name] = &Log{file: file}
	}
	return nil
}
