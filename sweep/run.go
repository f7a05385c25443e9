// SPDX-License-Identifier: MIT

package sweep

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"seer/internal/durable"
)

// Files beside a job's folder, which belongs to the run alone.
const (
	doneEnding   = ".done.json"   // that the job has ended well, and what it was
	logEnding    = ".log"         // all that it said
	resultEnding = ".result.json" // of an evaluation
)

// Done says that a job has ended well.
type Done struct {
	Digest  string  `json:"digest"`
	Seconds float64 `json:"seconds"` // all starts together
}

// State is how far a job is.
type State int

// The states of a job.
const (
	Waiting State = iota // nothing of it is there, or it was stopped
	Finished
	Changed // it has ended, and the grid or its experiment is another one now
)

// StateOf looks at the folder of a job.
func StateOf(j *Job) (State, error) {
	done, err := readDone(j)
	if errors.Is(err, fs.ErrNotExist) {
		return Waiting, nil
	}
	if err != nil {
		return Waiting, err
	}
	digest, err := j.digest()
	switch {
	case err != nil:
		return Waiting, err
	case digest != done.Digest:
		return Changed, nil
	}
	return Finished, nil
}

func readDone(j *Job) (done Done, err error) {
	text, err := os.ReadFile(j.Dir + doneEnding)
	if err == nil {
		err = json.Unmarshal(text, &done)
	}
	return done, err
}

// Runner runs jobs as processes of this program: one that dies takes nothing with it.
type Runner struct {
	Program string
	// Say is told a line about the sweep.
	Say func(line string)
	// Grace is how long a process may take to save its state when the sweep is stopped.
	Grace time.Duration
}

// Run runs the jobs that are not done. The failure of one does not keep the others from running, but for those that need
// its weights; it is an error at the end. When ctx ends, the process that runs is told to stop and save its state.
func (r *Runner) Run(ctx context.Context, jobs []*Job) error {
	failed := map[*Job]bool{}
	var failures []string
	for i, j := range jobs {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		place := fmt.Sprintf("[%d/%d] %s", i+1, len(jobs), j)
		err := r.one(ctx, place, j, failed)
		if ctx.Err() != nil {
			return fmt.Errorf("%w; the same command goes on with %s", context.Cause(ctx), j)
		}
		if err != nil {
			failed[j] = true
			failures = append(failures, fmt.Sprintf("%s: %v", j, err))
			r.Say(place + ": " + err.Error())
		}
	}
	if len(failures) > 0 {
		return fmt.Errorf("%d of %d jobs have failed; the others are done, and the same command tries these again:\n  %s", len(failures), len(jobs), strings.Join(failures, "\n  "))
	}
	return nil
}

// one runs a job unless it is done.
func (r *Runner) one(ctx context.Context, place string, j *Job, failed map[*Job]bool) error {
	state, err := StateOf(j)
	if err != nil {
		return err
	}
	switch {
	case state == Finished:
		r.Say(place + ": is done")
		return nil
	case state == Changed:
		return fmt.Errorf("%s was made by another grid or experiment file: move the folder away, or bring the file back", j.Dir)
	case j.From != nil && failed[j.From]:
		return fmt.Errorf("the job that its weights come from has failed: %s", j.From)
	case j.From != nil:
		if before, err := StateOf(j.From); err != nil || before != Finished {
			return errors.Join(fmt.Errorf("its weights come from a job that is not done: %s", j.From), err)
		}
	}
	r.Say(place + ": runs; its messages go to " + j.Dir + logEnding)
	begin := time.Now()
	if err := errors.Join(r.process(ctx, j), ctx.Err()); err != nil { // one that was stopped may end well, and is not done
		return err
	}
	digest, err := j.digest()
	if err != nil {
		return err
	}
	took := time.Since(begin)
	r.Say(fmt.Sprintf("%s: done in %s", place, took.Round(time.Second)))
	return durable.WriteFile(j.Dir+doneEnding, func(w io.Writer) error {
		return json.NewEncoder(w).Encode(Done{digest, took.Seconds()})
	})
}

// process runs the program and keeps what it says.
func (r *Runner) process(ctx context.Context, j *Job) error {
	if _, err := durable.MkdirAll(durable.Disk, filepath.Dir(j.Dir)); err != nil {
		return err
	}
	path := j.Dir + logEnding
	log, err := durable.Disk.Append(path, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	fmt.Fprintf(log, "$ seer %s\n", strings.Join(j.Args, " "))
	cmd := exec.CommandContext(ctx, r.Program, j.Args...)
	cmd.Stdout, cmd.Stderr = log, log
	// A group of its own: Ctrl-C at the terminal reaches the sweep alone, which passes one signal on.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = r.Grace
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%w; the last line of %s: %s", err, path, lastLine(path))
	}
	return nil
}

// lastLine is the last line of a file that says something.
func lastLine(path string) (last string) {
	f, err := os.Open(path)
	if err != nil {
		return err.Error()
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if line := strings.TrimSpace(s.Text()); line != "" {
			last = line
		}
	}
	return last
}
