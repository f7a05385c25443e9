// SPDX-License-Identifier: MIT

package train

import (
	"context"
	"fmt"
	"time"
)

// Event is what hooks see after a step.
type Event struct {
	Step    int64 // steps done so far: 1 after the first
	Total   int64
	LR      float64
	Result  Result
	Seconds float64 // the step took, waiting for data included
	Waited  float64 // of them, for data
}

// Due reports whether something that happens every n steps is due: at its multiples and at the end.
func (e Event) Due(n int64) bool { return e.Step == e.Total || (n > 0 && e.Step%n == 0) }

// Hook acts between steps. Hooks run in order; an error stops the run and is reported under the hook's name.
type Hook struct {
	Name  string
	Every int64 // steps; 0: only at the end
	Run   func(ctx context.Context, e Event) error
}

// Loop repeats steps and knows nothing of what they are: pretraining and fine-tuning are programs over it.
type Loop struct {
	Start, Total int64
	// Step does step number step (from 0). detailed asks for the measurements that cost time, when a hook is due.
	Step  func(ctx context.Context, step int64, detailed bool) (Event, error)
	Hooks []Hook
	// DetailEvery is how often steps are detailed.
	DetailEvery int64
}

// Run does the steps from Start to Total. When ctx ends it finishes the step at hand and returns the number of steps
// done with the context's cause: the caller saves, nothing is lost.
func (l *Loop) Run(ctx context.Context) (done int64, err error) {
	for done = l.Start; done < l.Total; {
		if ctx.Err() != nil {
			return done, context.Cause(ctx)
		}
		begin := time.Now()
		e := Event{Step: done + 1, Total: l.Total}
		detailed := e.Due(l.DetailEvery) || done == l.Start
		e, err = l.Step(ctx, done, detailed)
		if err != nil {
			return done, err
		}
		done++
		e.Step, e.Total, e.Seconds = done, l.Total, time.Since(begin).Seconds()
		if err := l.hooks(ctx, e); err != nil {
			return done, err
		}
	}
	return done, nil
}

func (l *Loop) hooks(ctx context.Context, e Event) error {
	for _, h := range l.Hooks {
		if !e.Due(h.Every) {
			continue
		}
		if err := h.Run(ctx, e); err != nil {
			return fmt.Errorf("%s after step %d: %w", h.Name, e.Step, err)
		}
	}
	return nil
}
