// SPDX-License-Identifier: MIT

package pretrain

import (
	"context"
	"io"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/config"
	"seer/tasks/launch"
)

// settings of [memory] that compute something again; the budget is between what the small run takes at least and at most.
var settings = []config.Memory{{Checkpoint: "selective"}, {Checkpoint: "blocks"}, {Checkpoint: "stages"}, {Checkpoint: "auto", Budget: 5 << 19}}

// What is computed again changes nothing of a run in float32, and may change when it is continued.
func TestRunsHaveTheSameBitsWhateverIsComputedAgain(t *testing.T) {
	images := drawnImages(t)
	const steps = 3
	small := func(m config.Memory) *config.Experiment {
		e := variant{"fp32", "off", 1}.experiment(t, images, steps)
		e.Memory = m
		return e
	}
	plain := small(config.Memory{Checkpoint: "none"})
	require.NoError(t, Run(t.Context(), plain, launch.StartOptions{Out: io.Discard}))
	want := digest(t, plain.Run.Dir)
	for i, m := range settings {
		t.Run(m.Checkpoint, func(t *testing.T) {
			e := small(m)
			ctx, cancel := context.WithCancelCause(t.Context())
			require.ErrorIs(t, Run(ctx, e, launch.StartOptions{Out: stopper{cancel}}), errStopped)
			e.Memory = settings[(i+1)%len(settings)]
			require.NoError(t, Run(t.Context(), e, launch.StartOptions{Out: io.Discard}))
			assert.Equal(t, want, digest(t, e.Run.Dir))
		})
	}
}

// A budget that nothing fits is refused before anything is written, with what would fit.
func TestABudgetThatNothingFits(t *testing.T) {
	e := variant{"fp32", "off", 1}.experiment(t, drawnImages(t), 1)
	e.Memory = config.Memory{Checkpoint: "auto", Budget: 1000}
	err := Run(t.Context(), e, launch.StartOptions{Out: io.Discard})
	require.ErrorContains(t, err, `memory.budget = "1000B": a step of `)
	require.ErrorContains(t, err, "raise the budget")
}
