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
)

// Names of the logs of a run.
const (
	MetricsLog   = "metrics.jsonl"
	BadImagesLog = "bad_images.jsonl"
)

// Log appends JSON lines to a file. It is safe for use by several goroutines.
type Log struct {
	mu   sync.Mutex
	file *os.File
}

// Log opens a log of the run, keeping the lines up to a step: a run that resumes
// at step n does n+1 again, and would otherwise report it twice. Lines without a
// "step" stay, torn lines go. A run that begins without a checkpoint passes -1,
// which keeps no step of an earlier attempt.
func (f *Folder) Log(name string, step int64) (*Log, error) {
	path := f.Path(name)
	if err := f.cutLog(path, step); err != nil {
		return nil, fmt.Errorf("continue %s after step %d: %w", path, step, err)
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return nil, err
	}
	l := &Log{file: file}
	f.logs = append(f.logs, l)
	return l, nil
}

// Append writes one value as a line of JSON, in one call to the system, so that a
// kill leaves a whole line or none.
func (l *Log) Append(v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	_, err = l.file.Write(append(data, '\n'))
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

// cutLog rewrites a log without the lines that follow the step; atomically, and
// only when there is something to drop.
func (f *Folder) cutLog(path string, step int64) error {
	old, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer old.Close()
	dropped := 0
	if err := eachLine(old, func(line []byte) error {
		if !keepLine(line, step) {
			dropped++
		}
		return nil
	}); err != nil || dropped == 0 {
		return err
	}
	f.warn("dropped %d lines of %s that follow step %d", dropped, path, step)
	if _, err := old.Seek(0, io.SeekStart); err != nil {
		return err
	}
	return f.opt.FS.WriteFile(path, func(w io.Writer) error {
		return eachLine(old, func(line []byte) error {
			if !keepLine(line, step) {
				return nil
			}
			_, err := w.Write(line)
			return err
		})
	})
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

// eachLine passes every line with its line feed; the last may have none.
func eachLine(r io.Reader, do func(line []byte) error) error {
	reader := bufio.NewReaderSize(r, 1<<16)
	for {
		line, err := reader.ReadBytes('\n')
		if len(line) > 0 {
			if err := do(line); err != nil {
				return err
			}
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
