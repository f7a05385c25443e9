// SPDX-License-Identifier: MIT

package train

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"reflect"
	"strconv"
	"strings"

	"seer/checkpoint/runfolder"
	"seer/config"
	"seer/data"
	"seer/internal/durable"
)

// deadEndFile says where the run ended and cannot get on: the same start would end there again, on a queue that starts
// jobs anew for ever. It goes when another start takes effect.
const deadEndFile = "dead_end.json"

// deadEnd is what deadEndFile holds.
type deadEnd struct {
	Step    int64  `json:"step"`   // that could not be done, from 0
	From    int64  `json:"from"`   // steps of the newest checkpoint at that time, 0: none
	Why     string `json:"why"`    // in a few words
	Source  string `json:"source"` // fingerprint of the data
	Version string `json:"version"`
}

// Choices of Options.From besides the number of a step.
const (
	FromLatest   = "latest"
	FromPrevious = "previous"
)

// SkippedError stops a run whose gradients overflow float16 step after step: it would train nothing to its end.
type SkippedError struct {
	Step   int64 // steps done
	InARow int64 // of them the last ones, all left out
	Advice string
}

// Error says what has happened and what to do.
func (e *SkippedError) Error() string {
	return fmt.Sprintf("the last %d steps up to step %d changed no weight: their gradients overflow float16, although the loss scale "+
		"was halved each time (run.max_skipped_steps bounds this).\nUsual causes: values beyond float16's 65504 in the trunk, and a "+
		"learning rate that is too high. bfloat16 has float32's range: --set run.precision=bf16%s", e.InARow, e.Step, e.Advice)
}

// watchScale ends a run that leaves out one step after the other.
func (r *run) watchScale(_ context.Context, e Event) error {
	if r.state.SkippedInARow < int64(r.e.Run.MaxSkippedSteps) {
		return nil
	}
	return &SkippedError{Step: e.Step, InARow: r.state.SkippedInARow}
}

// count notes whether a step was left out.
func (r *run) count(skipped bool) {
	if !skipped {
		r.state.SkippedInARow = 0
		return
	}
	r.state.Skipped++
	r.state.SkippedInARow++
}

// skips is a remark on steps that were left out.
func (r *run) skips() string {
	if r.state.Skipped == 0 {
		return ""
	}
	return fmt.Sprintf(", %d of them left out because gradients overflowed float16", r.state.Skipped)
}

// scaleSearch is how many steps a sound run may lose before its loss scale fits: 65536 is halved to 256.
const scaleSearch = 8

// learned is the error of a complete run without a step that counted. One of a few steps was only looking for its scale.
func (r *run) learned(s State) error {
	switch {
	case s.Skipped < s.Step || s.Step == 0:
		return nil
	case s.Step <= scaleSearch:
		r.say("warning: no step has changed the weights: float16 was still looking for its loss scale, which takes some steps")
		return nil
	}
	return &SkippedError{Step: s.Step, InARow: s.Skipped, Advice: ", and another --set run.dir=…: this run is at its end"}
}

// endless keeps where the run has ended if the same start would end there again, and has the error say how to go on. The
// checkpoints stay as they are: those steps have changed nothing but statistics.
func (r *run) endless(err error) error {
	end := deadEnd{From: r.folder.savedStep(), Source: data.Fingerprint(r.source), Version: r.opt.Version}
	var broken *NonFiniteError
	var skipped *SkippedError
	var failure error
	switch {
	case errors.As(err, &broken):
		end.Step, end.Why = broken.Step, "its loss, its gradient or what it made of the weights was not finite"
		failure, broken.Advice, err = r.dump(broken), r.waysOn(), broken
	case errors.As(err, &skipped):
		end.Step, end.Why = skipped.Step-1, fmt.Sprintf("%d steps in a row overflowed float16", skipped.InARow)
		skipped.Advice, err = r.waysOn(), skipped
	default:
		return nil
	}
	return errors.Join(err, failure, r.folder.keepEnd(end))
}

// dump keeps the tensors of a broken step for a look.
func (r *run) dump(broken *NonFiniteError) (err error) {
	if len(broken.Dump) > 0 {
		broken.Path, err = r.folder.dump(broken.Step, broken.Dump)
	}
	return err
}

// waysOn lists what can be added to the command.
func (r *run) waysOn() string {
	var b strings.Builder
	b.WriteString("\nThe same command would end there again. Start it with one or more of:")
	way := func(flag, meaning string) { fmt.Fprintf(&b, "\n  %-32s %s", flag, meaning) }
	way("--set optim.base_lr=…", fmt.Sprintf("a lower rate, now %g", r.e.Optim.BaseLR))
	way("--set run.seed=…", fmt.Sprintf("another order and other crops of the images from here on, now %d", r.e.Run.Seed))
	if r.e.Run.Precision == "fp16" {
		way("--set run.precision=bf16", "float32's range")
	}
	if steps := r.folder.steps(); len(steps) > 1 {
		way("--from-checkpoint "+FromPrevious, fmt.Sprintf("an earlier checkpoint, or one by its number: there are %v", steps))
	}
	way("--from-checkpoint "+FromLatest, "the same once more, as it is")
	return b.String()
}

// refuseDeadEnd stops a start that would do again what the last one did.
func (r *run) refuseDeadEnd(context.Context) error {
	end, ok := r.folder.end()
	if !ok || r.opt.From != "" || end.From != r.folder.savedStep() || end.Source != data.Fingerprint(r.source) || end.Version != r.opt.Version {
		return nil
	}
	before, err := config.Load(r.folder.Path(ResolvedFile), nil)
	if err != nil || len(config.Changes(before, r.e)) > 0 {
		return nil
	}
	return fmt.Errorf("run folder %s: the last start ended in step %d, because %s, and nothing has changed since.%s",
		r.folder.Dir(), end.Step, end.Why, r.waysOn())
}

func (f *folder) keepEnd(end deadEnd) error {
	data, err := json.MarshalIndent(end, "", "  ")
	if err != nil {
		return err
	}
	return durable.WriteFile(f.Path(deadEndFile), func(w io.Writer) error {
		_, err := w.Write(append(data, '\n'))
		return err
	})
}

// end reads where the last start ended; none where there is nothing to be read.
func (f *folder) end() (end deadEnd, ok bool) {
	data, err := os.ReadFile(f.Path(deadEndFile))
	if err != nil {
		return end, false
	}
	return end, json.Unmarshal(data, &end) == nil
}

// forgetEnd is for a start that takes effect.
func (f *folder) forgetEnd() error {
	if err := os.Remove(f.Path(deadEndFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// steps are those that there are checkpoints of, oldest first.
func (f *folder) steps() (steps []int64) {
	list, err := runfolder.List(f.Dir())
	if err != nil {
		return nil
	}
	for _, c := range list {
		if c.Problem == "" {
			steps = append(steps, c.Step)
		}
	}
	return steps
}

// choose finds the checkpoint to continue from: the newest, or the one that the user names.
func (f *folder) choose(from string) (*runfolder.Checkpoint, error) {
	switch from {
	case "", FromLatest:
		return f.Newest()
	case FromPrevious:
		steps := f.steps()
		if len(steps) < 2 {
			return nil, fmt.Errorf("--from-checkpoint %s: %s holds checkpoints of steps %v, and none before the newest", from, f.Dir(), steps)
		}
		return f.At(steps[len(steps)-2])
	}
	step, err := strconv.ParseInt(strings.TrimPrefix(from, "step-"), 10, 64)
	if err != nil {
		return nil, fmt.Errorf("--from-checkpoint %q: allowed are %s, %s and the number of a step; there are %v", from, FromLatest, FromPrevious, f.steps())
	}
	return f.At(step)
}

// complete tells a run that is at its end, before its source is opened: that may be gone by now, and so may its GPU. An
// experiment with another model is another matter: it is refused when it is found not to fit.
func (r *run) complete() (bool, error) {
	if r.folder.newest == nil || r.folder.before == nil ||
		!reflect.DeepEqual(r.e.Model, r.folder.before.Model) || !reflect.DeepEqual(r.e.SwAV, r.folder.before.SwAV) {
		return false, nil
	}
	var s State
	if err := r.folder.newest.ReadJSON(StateFile, &s); err != nil || s.Images < 1 {
		return false, err
	}
	plan, _, err := r.e.Resolve(s.Images, 1)
	if err != nil || s.Step < plan.Steps {
		return false, nil // another error, or none, is found with the source
	}
	return true, r.sayComplete(s, plan.Steps)
}

func (r *run) sayComplete(s State, steps int64) error {
	r.say("The run is complete: %d of %d steps. Its latest checkpoint is %s. To go on, raise train.duration", s.Step, steps, r.folder.latest())
	return r.learned(s)
}
