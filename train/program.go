// SPDX-License-Identifier: MIT

package train

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"seer/mesh"
	"seer/optim/schedule"
	"seer/runfolder"
	"seer/torch"
	"seer/torch/dist"
)

// Program is a training from its first step to its last. A task fills it in, [Program.Run] does the work.
type Program struct {
	Engine  *Engine
	Batches Loader
	Rate    schedule.Schedule // the learning rate of each step
	Steps   int64             // of the whole run
	Batch   int               // images a step, over all processes
	Hooks   []Hook            // behind those that every program has, before its checkpoints
	Parts   []runfolder.Part  // that survive a restart, besides engine and clock
	Clock   Clock

	LogEvery        int64 // steps between two lines of metrics, for which the method measures
	CheckpointEvery int64
	// KeepEvery also keeps checkpoints whose step is a multiple of it; 0: none. KeepBest keeps the one whose score was best:
	// see Scored.
	KeepEvery  int64
	KeepBest   bool
	MaxSkipped int64 // steps in a row that may overflow float16; 0: any number
	// GoesBack ends the run with a [*SpikeError] where its loss jumps: whoever has started it goes back. Otherwise that is a
	// warning.
	GoesBack bool
	// Detailed asks for the method's metrics of a step (from 0) besides those that are logged. May be nil.
	Detailed func(step int64) bool
	// Counts are figures of a line of metrics besides those of step and method. May be nil.
	Counts func() []Metric

	Out      io.Writer // messages and progress, for people; nil: none
	Terminal bool      // Out is a terminal: show a progress bar in place of lines
	// SlowLoader says what to do about a loader that keeps the engine waiting. May be nil.
	SlowLoader func() string
	// Ways lists what can be changed about a run that has come to a dead end.
	Ways []Way
	// Start tells one start from another in [runfolder.DeadEnd].
	Start string
	// Metadata of the weights in checkpoints, and files that go into each. May be nil.
	Metadata map[string]string
	Files    []runfolder.File

	folder   *runfolder.Folder // nil: nothing is kept
	progress *Progress
	torn     bool // a step has begun and is not complete: there is nothing to save
	agreed   bool // all processes have stopped between the same two steps, and are there
	best     best
	broken   int           // steps that this process has left out because they were not finite
	stall    time.Duration // that checkpoints have held the run up, since the last line of metrics
	paces    paces         // of the processes
	spikes   spikes
}

// Way is an option on the command line and what it does.
type Way struct{ Flag, Meaning string }

func (p *Program) say(format string, args ...any) {
	if p.Out == nil {
		return
	}
	p.Progress().Clear()
	fmt.Fprintf(p.Out, format+"\n", args...)
}

// Progress shows the run to people. Messages of hooks that appear beside a bar clear it first.
func (p *Program) Progress() *Progress {
	if p.progress == nil {
		p.progress = newProgress(p)
	}
	return p.progress
}

// AllParts are everything that the next step depends on.
func (p *Program) AllParts() []runfolder.Part {
	parts := slices.Concat([]runfolder.Part{&p.Clock, &p.spikes}, p.Engine.parts(), p.Parts)
	if p.KeepBest {
		parts = append(parts, &p.best)
	}
	return parts
}

// Load continues from a checkpoint.
func (p *Program) Load(c *runfolder.Checkpoint) error {
	if err := c.LoadParts(p.AllParts()); err != nil {
		return err
	}
	if p.Clock.Step != c.Step {
		return fmt.Errorf("%s is of step %d, and its %s of step %d: they do not belong together", c.Dir, c.Step, runfolder.StateFile, p.Clock.Step)
	}
	return nil
}

// Run does the steps that are left and leaves a checkpoint in f, whatever ends them between two steps; without f nothing
// is kept. Of the processes of a mesh rank 0 alone keeps the run. It is the only loop. When ctx ends, the step at hand is finished, its state is saved, and the error is the
// context's cause.
func (p *Program) Run(ctx context.Context, f *runfolder.Folder) error {
	begun := time.Now()
	if p.Engine.Mesh.Leads() {
		p.folder = f
	}
	if p.folder != nil {
		p.folder.Retain(p.KeepEvery, p.best.Step)
	}
	err := p.loop(ctx)
	p.Progress().finish()
	if err != nil {
		return p.stopped(ctx, err)
	}
	if f != nil {
		p.say("Done: %d steps in %s%s. The latest checkpoint is %s", p.Clock.Step, time.Since(begun).Round(time.Second), p.Clock.skips(), f.SavedDir())
	}
	return p.learned()
}

func (p *Program) loop(ctx context.Context) error {
	hooks, first := p.hooks(), p.Clock.Step
	for p.Clock.Step < p.Steps {
		e, err := p.step(ctx, p.Clock.Step == first)
		if err != nil {
			return err
		}
		if err := p.runHooks(ctx, hooks, e); err != nil {
			return err
		}
	}
	return p.written(true)
}

func (p *Program) runHooks(ctx context.Context, hooks []Hook, e Event) error {
	led := e.Due(p.CheckpointEvery)
	for _, h := range hooks {
		if !e.Due(h.Every) {
			continue
		}
		led = led || h.Leader
		var err error
		if !h.Leader || p.Engine.Mesh.Leads() {
			err = h.Run(ctx, e)
		}
		if h.Leader && p.Engine.Optimizer.Sharded() { // rank 0 cannot save without the others
			err = p.agree(ctx, err)
		}
		if err != nil {
			return fmt.Errorf("%s after step %d: %w", h.Name, e.Step, err)
		}
	}
	// The checkpoint is the last, so that it knows of all that the others have done.
	if err := p.checkpoint(e); err != nil {
		return fmt.Errorf("checkpoint after step %d: %w", e.Step, err)
	}
	return p.Engine.Mesh.Patient(led)
}

// hooks act after every step.
func (p *Program) hooks() []Hook {
	own := []Hook{{Name: "progress", Every: 1, Run: p.showProgress}}
	if p.Engine.Mesh != nil {
		own = append(own, Hook{Name: "comparing the processes", Every: p.LogEvery, Run: p.compareRanks})
	}
	if p.folder != nil || !p.Engine.Mesh.Leads() {
		own = append(own, Hook{Name: "metrics", Every: p.LogEvery, Run: p.logMetrics})
	}
	return slices.Concat(own, []Hook{{Name: "loss scale", Every: 1, Run: p.watchScale}, {Name: "loss", Every: 1, Run: p.watchSpikes}}, p.Hooks)
}

// next waits for the batch of a step, and for all processes to agree that they do the step.
func (p *Program) next(ctx context.Context) (batch *Batch, err error) {
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	} else if batch, err = p.Batches.Next(ctx); err != nil {
		err = fmt.Errorf("loading the batch of step %d: %w", p.Clock.Step, err)
	}
	if agreed := p.agree(ctx, err); agreed != nil {
		if err == nil && batch.Release != nil {
			batch.Release()
		}
		return nil, agreed
	}
	return batch, nil
}

// agree has all processes go on, or stop at the same place, by the error of each.
func (p *Program) agree(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil && isCause(ctx, err) {
		err = mesh.Asked{Err: context.Cause(ctx)}
	}
	err = p.Engine.Mesh.Agree(err)
	p.agreed = err != nil && !errors.Is(err, dist.ErrLost)
	return err
}

// step waits for the loader and trains on its batch.
func (p *Program) step(ctx context.Context, first bool) (Event, error) {
	begin, step, waited := time.Now(), p.Clock.Step, p.Engine.Mesh.Waited()
	e := Event{Step: step + 1, Total: p.Steps, LR: p.Rate.At(step)}
	scope := torch.NewScope()
	defer scope.Close()
	batch, err := p.next(ctx)
	if err != nil {
		return e, err
	}
	loading := time.Since(begin) - (p.Engine.Mesh.Waited() - waited)
	if err := p.Engine.Mesh.Patient(first); err != nil {
		return e, err
	}
	if batch.Release != nil {
		defer batch.Release()
	}
	e.Waited = time.Since(begin).Seconds()
	keeps := p.folder != nil || !p.Engine.Mesh.Leads() // then rank 0 measures too
	detailed := keeps && (first || e.Due(p.LogEvery)) || p.Detailed != nil && p.Detailed(step)
	p.torn = true // a step that fails has changed statistics and queue already
	if e.Result, err = p.Engine.Step(step, e.LR, batch, detailed); err != nil {
		return e, fmt.Errorf("step %d: %w", step, err)
	}
	p.torn = false
	p.Clock.count(e.Result)
	p.Clock.Step, p.Clock.Position = step+1, batch.Position
	e.Seconds = time.Since(begin).Seconds()
	p.paces.count(time.Since(begin)-(p.Engine.Mesh.Waited()-waited), loading)
	p.Clock.Seconds += e.Seconds
	return e, nil
}

func (p *Program) showProgress(_ context.Context, e Event) error {
	p.Progress().step(e)
	return nil
}

// stopped ends a run before its last step. Between two steps everything is whole, and what is done is saved first,
// whatever the reason: a signal, bad images, a source that is gone, a hook. What ends a step in its midst is another
// matter: its statistics and queue are not those of any step, and the last checkpoint counts.
func (p *Program) stopped(ctx context.Context, err error) error {
	if ctx.Err() != nil && isCause(ctx, err) {
		err = context.Cause(ctx)
	}
	if p.folder == nil {
		if p.saves() && p.agreed && !p.torn {
			if due, failure := p.leads(false); failure == nil && due {
				err = errors.Join(err, p.save(Event{Step: p.Clock.Step, Total: p.Steps}))
			}
		}
		return err
	}
	if failure := p.written(true); failure != nil {
		err = errors.Join(err, failure)
	}
	if end := p.endless(err); end != nil {
		return end
	}
	done := p.Clock.Step
	if p.torn {
		p.say("Stopped in step %d of %d; the same command continues from %s", done+1, p.Steps, p.folder.SavedDir())
		return err
	}
	unsaved := done > p.folder.SavedStep()
	if p.Engine.Optimizer.Sharded() {
		// Without the others their momentum is not to be had.
		if unsaved = unsaved && p.agreed; p.agreed {
			if _, failure := p.leads(unsaved); failure != nil {
				return errors.Join(err, failure)
			}
		}
	}
	if unsaved {
		failure := p.save(Event{Step: done, Total: p.Steps})
		failure = errors.Join(failure, p.written(true))
		if end := p.endless(failure); end != nil {
			return errors.Join(err, end)
		}
		if failure != nil {
			return errors.Join(err, fmt.Errorf("saving step %d, the last that was complete: %w", done, failure))
		}
	}
	p.say("Stopped after step %d of %d; the same command continues from %s", done, p.Steps, p.folder.SavedDir())
	return err
}

// isCause tells the end of a context from an error that came at the same time.
func isCause(ctx context.Context, err error) bool {
	return errors.Is(err, context.Cause(ctx)) || errors.Is(err, ctx.Err())
}
