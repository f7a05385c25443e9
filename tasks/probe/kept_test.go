// SPDX-License-Identifier: MIT

package probe_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/config"
	"seer/eval/evaltest"
	"seer/tasks/probe"
	"seer/torch/torchtest"
)

// kept is a session of a grid on random crops that keeps its state below dir.
func kept(t *testing.T, e *config.Experiment, dir string) *probe.Session {
	t.Helper()
	s := session(t, e)
	s.State = filepath.Join(dir, "linear-")
	return s
}

// A probe that is stopped, as often as one likes, ends with the bits of one that was not, and leaves nothing behind.
func TestAProbeGoesOnWhereItWasStopped(t *testing.T) {
	torchtest.NoLeaks(t)
	e := probing(evaltest.Coloured(t, 24), evaltest.Coloured(t, 12))
	e.Linear.Augment, e.Linear.Duration = true, config.Duration{Value: 200, Unit: config.Steps}
	e.Linear.BaseLR, e.Linear.Layers = config.Several[float64]{0.3, 0.01}, []config.Layer{{Stage: 2, Rows: 1, Columns: 1}, {}}
	e.Linear.Batch, e.Linear.Duration.Value = 4, 170
	want, err := session(t, e).Linear(context.Background())
	require.NoError(t, err)

	dir, stop := t.TempDir(), errors.New("enough")
	var said []string
	for _, at := range []int64{51, 101} { // a step behind the one that is told
		ctx, cancel := context.WithCancelCause(context.Background())
		s := kept(t, e, dir)
		s.Warn = func(m string) { said = append(said, m) }
		s.Progress = func(stage string, done, _ int64) {
			if stage == "linear classifier" && done >= at {
				cancel(stop)
			}
		}
		_, err := s.Linear(ctx)
		require.ErrorIs(t, err, stop)
		folders, err := os.ReadDir(dir)
		require.NoError(t, err)
		require.Len(t, folders, 1)
	}
	require.Len(t, said, 3)
	assert.Contains(t, said[0], "the same command goes on behind step 51 of 170")
	assert.Contains(t, said[1], "goes on behind step 51 of 170")

	other := *e
	other.Linear.WeightDecay = 0.5
	different, err := kept(t, &other, dir).Linear(context.Background())
	require.NoError(t, err)
	assert.NotEqual(t, want.Loss, different.Loss, "other settings have a state of their own")

	got, err := kept(t, e, dir).Linear(context.Background())
	require.NoError(t, err)
	assert.Equal(t, want.Trials, got.Trials)
	assert.Equal(t, want.Loss, got.Loss)
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Empty(t, left)
}

// A classifier that is lost keeps no checkpoint from the others.
func TestAProbeIsKeptWithoutTheClassifiersThatDiverge(t *testing.T) {
	torchtest.NoLeaks(t)
	e := probing(evaltest.Coloured(t, 24), evaltest.Coloured(t, 12))
	e.Linear.Augment, e.Linear.Duration = true, config.Duration{Value: 6, Unit: config.Epochs}
	e.Linear.BaseLR, e.Linear.WeightDecay = config.Several[float64]{1e39, 0.3}, 1
	e.Run.CheckpointEvery = config.Duration{Value: 1, Unit: config.Steps}
	want, err := session(t, e).Linear(context.Background())
	require.NoError(t, err)
	require.Positive(t, want.Trials[0].Diverged)
	got, err := kept(t, e, t.TempDir()).Linear(context.Background())
	require.NoError(t, err)
	assert.Positive(t, got.Trials[0].Diverged)
	assert.Equal(t, want.Trials[1], got.Trials[1])
}
