// SPDX-License-Identifier: MIT

package pretrain

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/config"
	"seer/tasks/launch"
)

// variant is one way to compute a run.
type variant struct {
	precision, layout string
	threads           int
}

func (v variant) String() string {
	return fmt.Sprintf("%s, channels_last %s, %d threads", v.precision, v.layout, v.threads)
}

// variants are all that a run can be asked for on a CPU.
func variants() (all []variant) {
	for _, precision := range []string{"fp32", "bf16", "fp16"} {
		for _, layout := range []string{"on", "off"} {
			for _, threads := range []int{1, 2} {
				all = append(all, variant{precision, layout, threads})
			}
		}
	}
	return all
}

// experiment is the small run of a few steps in this way, in a folder of its own.
func (v variant) experiment(t *testing.T, images string, steps int) *config.Experiment {
	t.Helper()
	file, _ := smallRun(t, images, 1, steps)
	e, err := config.Load(file, []string{
		"run.precision=" + v.precision, "run.channels_last=" + v.layout, fmt.Sprintf("run.threads=%d", v.threads), "schedule.warmup=0it",
	})
	require.NoError(t, err)
	return e
}

// stopper ends a run after its first step, when that is reported.
type stopper struct{ cancel context.CancelCauseFunc }

var errStopped = errors.New("stopped by a test")

func (s stopper) Write(p []byte) (int, error) {
	if strings.Contains(string(p), "step 1/") {
		s.cancel(errStopped)
	}
	return len(p), nil
}

// A run that is stopped and continued ends with the bits of one that was not, in every precision and layout and with any
// number of threads.
func TestResumedRunsEndWithTheSameBits(t *testing.T) {
	images := drawnImages(t)
	for _, v := range variants() {
		t.Run(v.String(), func(t *testing.T) {
			const steps = 4
			whole := v.experiment(t, images, steps)
			require.NoError(t, Run(t.Context(), whole, launch.StartOptions{Out: io.Discard}))

			parts := v.experiment(t, images, steps)
			ctx, cancel := context.WithCancelCause(t.Context())
			require.ErrorIs(t, Run(ctx, parts, launch.StartOptions{Out: stopper{cancel}}), errStopped)
			require.NoError(t, Run(t.Context(), parts, launch.StartOptions{Out: io.Discard}))
			assert.Equal(t, digest(t, whole.Run.Dir), digest(t, parts.Run.Dir))
		})
	}
}

// The number of threads is the kernel's for each of its threads, and the scheduler moves goroutines about: a run must
// not depend on where it is started, nor on what else computes in the process.
func TestRunsOnAnyGoroutineHaveTheSameBits(t *testing.T) {
	images := drawnImages(t)
	const goroutines = 20
	for _, precision := range []string{"fp32", "bf16", "fp16"} {
		for _, layout := range []string{"on", "off"} {
			t.Run(precision+" "+layout, func(t *testing.T) {
				steps := 1
				if precision == "fp16" {
					steps = 2 // the first ones look for a loss scale
				}
				var runs []*config.Experiment
				for g := range goroutines {
					runs = append(runs, variant{precision, layout, 1 + g%2}.experiment(t, images, steps))
				}
				var all sync.WaitGroup
				for g, e := range runs {
					all.Go(func() { assert.NoError(t, Run(context.Background(), e, launch.StartOptions{Out: io.Discard})) })
					if g < goroutines/2 {
						all.Wait() // one after another; the rest run at the same time
					}
				}
				all.Wait()
				want := [][3]string{digest(t, runs[0].Run.Dir), digest(t, runs[1].Run.Dir)}
				t.Logf("one thread and two give the same bits: %v", want[0] == want[1])
				for g, e := range runs {
					assert.Equal(t, want[g%2], digest(t, e.Run.Dir), "goroutine %d, %d threads", g, e.Run.Threads)
				}
			})
		}
	}
}
