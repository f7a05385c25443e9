// SPDX-License-Identifier: MIT

package runfolder

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"

	"seer/internal/durable"
)

// Names of the logs of a run.
const (
	MetricsLog   = "metrics.jsonl"
	BadImagesLog = "bad_images.jsonl"
)

const (
	logPerm fs.FileMode = 0o644
	// maxLine is far above any line of a log. More without a line feed is what a
	// crash left of a file, such as gigabytes of zeros: one torn line.
	maxLine = 1 << 18
)

// Log appends JSON lines to a file. It is safe for use by several goroutines.
type Log struct {
	mu   sync.Mutex
	file durable.File
}

// Append writes one value as a line of JSON, in one call to the system, so that a
// kill leaves a whole line or none.
func (l *Log) Append(v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = l.Write(append(data, '\n'))
	return err
}

// Write lets text that already is a line of JSON pass; it implements io.Writer.
func (l *Log) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.file.Write(line)
}

// Sync flushes the log to the device.
func (l *Log) Sync() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.file.Sync(); err != nil && !errors.Is(err, os.ErrClosed) {
		return err
	}
	return nil
}

// Close closes the log; closing twice is fine.
func (l *Log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.file.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
		return err
	}
	return nil
}

// cutLog writes a log anew without the lines that follow the step, beside the old
// one. It is nil where there is nothing to drop.
func (f *Folder) cutLog(path string, step int64) (*durable.Pending, error) {
	dropped, err := f.countDropped(path, step)
	if err != nil || dropped == 0 {
		return nil, err
	}
	old, err := f.disk.Open(path)
	if err != nil {
		return nil, err
	}
	defer old.Close()
	p, err := durable.CreateOn(f.disk, path, 0)
	if err != nil {
		return nil, err
	}
	f.warn("dropping %d lines of %s that follow step %d", dropped, path, step)
	return p, eachLine(old, func(line []byte) error {
		if !keepLine(line, step) {
			return nil
		}
		_, err := p.Write(line)
		return err
	})
}

func (f *Folder) countDropped(path string, step int64) (dropped int, err error) {
	old, err := f.disk.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer old.Close()
	err = eachLine(old, func(line []byte) error {
		if !keepLine(line, step) {
			dropped++
		}
		return nil
	})
	return dropped, err
}

// keepLine drops torn lines, whether cut at the end of the file or followed by a
// later process's first line.
func keepLine(line []byte, step int64) bool {
	var head struct {
		Step *int64 `json:"step"`
	}
	if !bytes.HasSuffix(line, []byte("\n")) || json.Unmarshal(line, &head) != nil {
		return false
	}
	return head.Step == nil || *head.Step <= step
}

// eachLine passes every line with its line feed; the last may have none, and one
// over maxLine is passed as its beginning.
func eachLine(r io.Reader, do func(line []byte) error) error {
	reader := bufio.NewReaderSize(r, maxLine)
	for {
		line, err := reader.ReadSlice('\n')
		if len(line) > 0 {
			if e := do(line); e != nil {
				return e
			}
		}
		for errors.Is(err, bufio.ErrBufferFull) {
			_, err = reader.ReadSlice('\n')
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// ReadLog decodes every whole line of a log, which may be growing: a torn last
// line is left out, a bad line in the middle is an error with its number.
func ReadLog[T any](path string) ([]T, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var values []T
	number := 0
	err = eachLine(file, func(line []byte) error {
		number++
		if !bytes.HasSuffix(line, []byte("\n")) {
			return nil
		}
		var v T
		if err := json.Unmarshal(line, &v); err != nil {
			return fmt.Errorf("%s:%d: %w", path, number, err)
		}
		values = append(values, v)
		return nil
	})
	return values, err
}
