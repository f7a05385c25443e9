// SPDX-License-Identifier: MIT

package launch

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"seer/models"
	"seer/recompute"
	"seer/runfolder"
	"seer/train"
)

// RanksDir is the folder within a run folder for what each process of a run with several leaves behind: the messages of
// all but rank 0, which speaks itself, and the last step of each.
const RanksDir = "ranks"

// rankLog takes the messages of a process that does not speak. Until the start has taken effect they wait: a start that is
// refused leaves no file.
type rankLog struct {
	waiting bytes.Buffer
	file    *os.File
}

// Write implements io.Writer.
func (l *rankLog) Write(p []byte) (int, error) {
	if l.file == nil {
		return l.waiting.Write(p)
	}
	return l.file.Write(p)
}

func (l *rankLog) open(path string) (err error) {
	if l.file, err = os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644); err == nil {
		_, err = io.Copy(l.file, &l.waiting)
	}
	return err
}

// Placed are the options for this process's place among those of its run: rank 0 speaks, the others keep their messages in
// the run folder.
func (o StartOptions) Placed() StartOptions {
	if !o.Mesh.Leads() {
		o.Out, o.Terminal = &rankLog{}, false
	}
	return o
}

// Decide has rank 0 answer a question for all.
func (l *Launch) Decide(answer func() (bool, error)) (bool, error) {
	choice, err := l.Mesh.Lead(func() (string, error) {
		yes, err := answer()
		return strconv.FormatBool(yes), err
	})
	return choice == strconv.FormatBool(true), err
}

// chosen is the checkpoint to continue from, which rank 0 chooses; nil where there is none.
func (l *Launch) chosen() (*runfolder.Checkpoint, error) {
	var own *runfolder.Checkpoint
	dir, err := l.Mesh.Lead(func() (dir string, err error) {
		own, err = l.Folder.Choose(l.From)
		switch {
		case errors.Is(err, runfolder.ErrNoCheckpoint):
			return "", nil
		case err != nil:
			return "", err
		}
		return own.Dir, nil
	})
	if err != nil || dir == "" || l.Mesh.Leads() {
		return own, err
	}
	found, err := runfolder.Load(dir)
	if err != nil {
		return nil, fmt.Errorf("%v continues from the checkpoint that rank 0 has found: all machines must see the run folder: %w", l.Mesh.At(), err)
	}
	return found, nil
}

// join follows the start of rank 0, which has taken effect: logs are opened where they are now.
func (l *Launch) join() error {
	if l.Mesh == nil {
		return nil
	}
	if err := l.Mesh.Agree(nil); err != nil {
		return err
	}
	if err := os.MkdirAll(l.Folder.Path(RanksDir), 0o755); err != nil {
		return fmt.Errorf("%v: all machines must see the run folder: %w", l.Mesh.At(), err)
	}
	if l.Mesh.Leads() {
		return nil
	}
	if own, ok := l.Out.(*rankLog); ok {
		if err := own.open(l.rankFile("log")); err != nil {
			return err
		}
	}
	return l.Folder.Append(runfolder.BadImagesLog)
}

func (l *Launch) rankFile(extension string) string {
	return l.Folder.Path(RanksDir, fmt.Sprintf("rank-%04d.%s", l.Mesh.At().Rank, extension))
}

// Spread has an engine train with the other processes of the run. Their trunk's backward pass goes segment by segment, so
// that the gradients of one travel while those in front of it are computed.
func (l *Launch) Spread(e *train.Engine, trunk models.Trunk) {
	if e.Mesh = l.Mesh; l.Mesh != nil && e.Plan == nil {
		e.Plan = recompute.Each(len(trunk.Segments()), recompute.KeepAll)
	}
	if l.Experiment.Mesh.ShardMomentum {
		e.Optimizer.Divide(l.Mesh.All())
	}
}

// lastStep is what each process keeps of where it is, for whoever looks for the one that has stopped.
type lastStep struct {
	Rank    int       `json:"rank"`
	Step    int64     `json:"step"` // the last one that it has done
	Time    time.Time `json:"time"` // when it was done
	Host    string    `json:"host"`
	Process int       `json:"pid"`
	Seconds float64   `json:"seconds"` // that the step took
	Waited  float64   `json:"waited"`  // of them, for data
}

// keepLastStep has a program of several processes keep the last step of each.
func (l *Launch) keepLastStep(p *train.Program) {
	if l.Mesh == nil {
		return
	}
	host, _ := os.Hostname() // a name that is not known stays empty
	p.Hooks = append(p.Hooks, train.Hook{Name: "last step", Every: 1, Run: func(_ context.Context, e train.Event) error {
		return l.writeLastStep(lastStep{l.Mesh.Rank, e.Step, time.Now(), host, os.Getpid(), e.Seconds, e.Waited})
	}})
}

// lastStepBytes is more than a line needs: one that replaces another covers all of it, in one call.
const lastStepBytes = 384

func (l *Launch) writeLastStep(s lastStep) (err error) {
	if l.steps == nil {
		if l.steps, err = os.OpenFile(l.rankFile("json"), os.O_CREATE|os.O_WRONLY, 0o644); err != nil {
			return err
		}
	}
	text, err := json.Marshal(s)
	if err == nil {
		_, err = fmt.Fprintf(io.NewOffsetWriter(l.steps, 0), "%-*s\n", lastStepBytes, text)
	}
	return err
}

// closeRank closes what this process has in the folder of ranks.
func (l *Launch) closeRank() (err error) {
	if l.steps != nil {
		err = l.steps.Close()
	}
	if own, ok := l.Out.(*rankLog); ok && own.file != nil {
		err = errors.Join(err, own.file.Close())
	}
	return err
}
