// SPDX-License-Identifier: MIT

package pretrain

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/tasks/launch"
	"seer/train"
)

// failsOnce is a hook that fails the first time that a step is done.
func failsOnce(step int64, err error) []train.Hook {
	failed := false
	return []train.Hook{{Name: "a test's hook", Every: 1, Run: func(_ context.Context, e train.Event) error {
		if e.Step != step || failed {
			return nil
		}
		failed = true
		return err
	}}}
}

// A run whose step breaks, or whose loss jumps, goes back to the checkpoint before, and on with other images; where it is
// stopped and started again, it stays on its new course.
func TestARunGoesBackToItsLastGoodCheckpoint(t *testing.T) {
	images := drawnImages(t)
	for name, c := range map[string]struct {
		err  error
		from string
	}{
		"a step that is not finite": {&train.NonFiniteError{Step: 6}, "step-000000006"},
		"a loss that has jumped":    {&train.SpikeError{Step: 5}, "step-000000004"},
	} {
		t.Run(name, func(t *testing.T) {
			plain, straight := smallRun(t, images, 2, 12)
			_, err := goes(t, loaded(t, plain), launch.StartOptions{})
			require.NoError(t, err)

			set := []string{"run.checkpoint_every=2it", "run.keep=0", "run.rollbacks=1"}
			file, run := smallRun(t, images, 2, 12)
			out, err := goes(t, loaded(t, file, set...), launch.StartOptions{Hooks: failsOnce(7, c.err)})
			require.NoError(t, err)
			assert.Contains(t, out, "Going back to the checkpoint before, with other images and crops from there on (1 of run.rollbacks = 1)")
			assert.Contains(t, out, c.from)
			assert.NotEqual(t, digest(t, straight), digest(t, run), "other images")
			var clock train.Clock
			_, err = newest(t, run).Document(train.ClockPart, &clock)
			require.NoError(t, err)
			assert.EqualValues(t, 1, clock.Rollbacks)
			assert.EqualValues(t, 12, clock.Step)

			file, stopped := smallRun(t, images, 2, 12)
			broken := errors.New("broken")
			_, err = goes(t, loaded(t, file, set...), launch.StartOptions{Hooks: append(failsOnce(7, c.err), breaksAfter(9, broken)...)})
			require.ErrorIs(t, err, broken)
			_, err = goes(t, loaded(t, file, set...), launch.StartOptions{})
			require.NoError(t, err)
			assert.Equal(t, digest(t, run), digest(t, stopped))
		})
	}
}

// Without an end to it, the run ends as it does without going back.
func TestARunGoesBackOnlySoOften(t *testing.T) {
	file, _ := smallRun(t, drawnImages(t), 2, 12)
	broken := &train.NonFiniteError{Step: 5}
	out, err := goes(t, loaded(t, file, "run.checkpoint_every=2it", "run.rollbacks=2"), launch.StartOptions{Hooks: breaksAfter(5, broken)})
	require.ErrorIs(t, err, broken)
	assert.Contains(t, out, "(2 of run.rollbacks = 2)")
}
