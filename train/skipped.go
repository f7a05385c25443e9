// SPDX-License-Identifier: MIT

package train

import (
	"context"
	"fmt"
)

// SkippedError stops a run that leaves out step after step, because gradients overflow float16 or are not finite: it would
// train nothing to its end.
type SkippedError struct {
	Step   int64 // steps done
	InARow int64 // of them the last ones, all left out
	// NonFinite: losses or gradients were, and not float16 too small.
	NonFinite bool
	Advice    string
}

func (e *SkippedError) what() string {
	if e.NonFinite {
		return "had a loss or gradients that are not finite"
	}
	return "overflowed float16"
}

// Error says what has happened and what to do.
func (e *SkippedError) Error() string {
	if e.NonFinite {
		return fmt.Sprintf("the last %d steps up to step %d changed no weight: each %s, and was left out (run.on_nonfinite; run.max_skipped_steps "+
			"bounds this).\nUsual causes: a learning rate that is too high, and weights that have grown%s", e.InARow, e.Step, e.what(), e.Advice)
	}
	return fmt.Sprintf("the last %d steps up to step %d changed no weight: their gradients overflow float16, although the loss scale "+
		"was halved each time (run.max_skipped_steps bounds this).\nUsual causes: values beyond float16's 65504 in the trunk, and a "+
		"learning rate that is too high. bfloat16 has float32's range: --set run.precision=bf16%s", e.InARow, e.Step, e.Advice)
}

// watchScale ends a run that leaves out one step after the other.
func (p *Program) watchScale(_ context.Context, e Event) error {
	if broken := e.Result.NonFinite; broken != nil {
		if err := p.keepBroken(broken); err != nil {
			return err
		}
	}
	if p.MaxSkipped == 0 || p.Clock.SkippedInARow < p.MaxSkipped {
		return nil
	}
	return &SkippedError{Step: e.Step, InARow: p.Clock.SkippedInARow, NonFinite: e.Result.NonFinite != nil}
}

// keptBroken is of how many steps that were left out a process keeps the tensors.
const keptBroken = 3

// keepBroken tells of a step that was left out.
func (p *Program) keepBroken(broken *NonFiniteError) error {
	if p.broken++; p.broken <= keptBroken && p.folder != nil {
		if err := p.dump(broken); err != nil {
			return err
		}
	}
	where := ""
	if broken.Path != "" {
		where = "; to see where: seer replay " + p.folder.Dir()
	}
	p.say("warning: step %d is left out: its loss is %.4g, its gradient norm %.4g%s", broken.Step, broken.Loss, broken.Norm, where)
	return nil
}

// scaleSearch is how many steps a sound run may lose before its loss scale fits: 65536 is halved to 256.
const scaleSearch = 8

func (p *Program) learned() error { return p.Clock.Learned(p.say) }

// Learned is the error of a complete run without a step that counted. One of a few steps was only looking for its scale,
// which is said.
func (c *Clock) Learned(say func(format string, args ...any)) error {
	switch {
	case c.Skipped < c.Step || c.Step == 0:
		return nil
	case c.Step <= scaleSearch:
		say("warning: no step has changed the weights: float16 was still looking for its loss scale, which takes some steps")
		return nil
	}
	return &SkippedError{Step: c.Step, InARow: c.Skipped, NonFinite: c.NonFinite > 0, Advice: ", and another --set run.dir=…: this run is at its end"}
}
