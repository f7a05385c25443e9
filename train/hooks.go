// SPDX-License-Identifier: MIT

package train

import "context"

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

// Hook acts between steps. Hooks run in order; an error stops the run and is reported under the hook's name. One that has
// a state is a part of the program, too.
type Hook struct {
	Name  string
	Every int64 // steps; 0: only at the end
	Run   func(ctx context.Context, e Event) error
	// Leader hooks run in the process of rank 0 alone, and have no collectives; the others wait for it before the next step,
	// as long as it takes.
	Leader bool
}
