// SPDX-License-Identifier: MIT

package probe_test

import (
	"context"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/config"
	"seer/data/source"
	"seer/eval"
	"seer/eval/evaltest"
	"seer/tasks/probe"
	"seer/torch"
)

// outcome is everything that a probe computes, to the bit.
type outcome struct {
	features  []float32
	loss      float64 // of the linear probe
	top1, knn float64
}

// probed opens a trunk and runs all probes on it.
func probed(t *testing.T, e *config.Experiment) (o outcome) {
	b, err := eval.OpenBackbone(eval.TrunkSource{Random: true, Experiment: e})
	if !assert.NoError(t, err) {
		return o
	}
	defer b.Close()
	s := &probe.Session{Backbone: b, Experiment: e, Progress: func(stage string, _, _ int64) {
		if stage != "linear classifier" { // whose steps are so small that one thread does them
			assert.Equal(t, e.Run.Threads, torch.Threads(), stage)
		}
	}}
	defer func() { assert.NoError(t, s.Close()) }()
	linear, err := s.Linear(context.Background())
	assert.NoError(t, err)
	knn, err := s.KNN(context.Background())
	assert.NoError(t, err)
	src, err := source.OpenContext(context.Background(), source.Location{Path: e.Linear.Train, Kind: "auto"})
	if !assert.NoError(t, err) {
		return o
	}
	defer src.Close()
	f, err := b.Extract(context.Background(), eval.Images{Source: src, Resize: 32, Crop: 32, Batch: 8})
	if !assert.NoError(t, err) {
		return o
	}
	defer f.Close()
	return outcome{features: f.X.Float32s(), loss: linear.Loss, top1: linear.Top1, knn: knn.Top1}
}

// Probes do not depend on the goroutine that they are started on, nor on others beside them.
func TestProbesOnAnyGoroutineHaveTheSameBits(t *testing.T) {
	const goroutines = 20
	train, val := evaltest.Coloured(t, 18), evaltest.Coloured(t, 9)
	for _, precision := range []string{"fp32", "bf16", "fp16"} {
		for _, layout := range []string{"on", "off"} {
			t.Run(precision+" "+layout, func(t *testing.T) {
				got := make([]outcome, goroutines)
				var all sync.WaitGroup
				for g := range goroutines {
					e := probing(train, val)
					e.Run.Precision, e.Run.ChannelsLast, e.Run.Threads = precision, layout, 1+g%2
					e.Linear.Duration = config.Duration{Value: 2, Unit: config.Epochs}
					all.Go(func() { got[g] = probed(t, e) })
					if g < goroutines/2 {
						all.Wait() // one after another; the rest at the same time
					}
				}
				all.Wait()
				require.NotEmpty(t, got[0].features)
				for g := range got {
					assert.Equal(t, got[g%2], got[g], "goroutine %d, %d threads", g, 1+g%2)
				}
			})
		}
	}
}
