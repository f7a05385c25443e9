// SPDX-License-Identifier: MIT

package train

import (
	"bytes"
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/internal/testrand"
)

// A loss that falls with noise, has single bad batches, and then jumps.
func TestALossThatJumpsAndStaysIsASpike(t *testing.T) {
	random := testrand.New(t)
	var s spikes
	for step := range 500 {
		loss := 4 + 2/(1+float64(step)/100) + 0.05*random.NormFloat64()
		if step%97 == 0 {
			loss += 5 // alone
		}
		assert.False(t, s.observe(loss), "step %d", step)
	}
	mean := s.Mean
	for step := range 3 * spikeSteps {
		assert.Equal(t, step == spikeSteps-1, s.observe(6), "once, after %d steps", spikeSteps)
	}
	assert.InDelta(t, mean, s.Mean, 0, "the band stays where it was")
	assert.False(t, s.observe(mean))
	assert.Zero(t, s.Over)
}

func TestASpikeIsAWarningOrTheEnd(t *testing.T) {
	var out bytes.Buffer
	p := &Program{Out: &out}
	run := func() (err error) {
		p.spikes = spikes{Steps: 200, Mean: 3, Variance: 0.01}
		for step := range int64(spikeSteps) {
			require.NoError(t, err)
			err = p.watchSpikes(context.Background(), Event{Step: 201 + step, Result: Result{Loss: 5}})
		}
		return err
	}
	require.NoError(t, run())
	assert.Contains(t, out.String(), "warning: step 210: the loss has jumped after step 200, from 3.0000 to 5.0000")
	p.GoesBack = true
	var spike *SpikeError
	require.ErrorAs(t, run(), &spike)
	assert.EqualValues(t, 200, spike.Step)
}
