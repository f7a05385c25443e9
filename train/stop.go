// SPDX-License-Identifier: MIT

package train

import (
	"context"
	"errors"
	"fmt"
)

// stopped ends a run before its last step. Between two steps everything is whole, and what is done is saved first,
// whatever the reason: a signal, bad images, a source that is gone, a hook. What ends a step in its midst is another
// matter: its statistics and queue are not those of any step, and the last checkpoint counts.
func (r *run) stopped(ctx context.Context, done int64, err error) error {
	if ctx.Err() != nil && isCause(ctx, err) {
		err = context.Cause(ctx)
	}
	if end := r.endless(err); end != nil {
		return end
	}
	if r.torn {
		r.say("Stopped in step %d of %d; the same command continues from %s", done+1, r.plan.Steps, r.folder.latest())
		return err
	}
	if done > r.folder.savedStep() {
		failure := r.save(context.Background(), Event{Step: done, Total: r.plan.Steps})
		if end := r.endless(failure); end != nil {
			return errors.Join(err, end)
		}
		if failure != nil {
			return errors.Join(err, fmt.Errorf("saving step %d, the last that was complete: %w", done, failure))
		}
	}
	r.say("Stopped after step %d of %d; the same command continues from %s", done, r.plan.Steps, r.folder.latest())
	return err
}

// isCause tells the end of a context from an error that came at the same time.
func isCause(ctx context.Context, err error) bool {
	return errors.Is(err, context.Cause(ctx)) || errors.Is(err, ctx.Err())
}
