// SPDX-License-Identifier: MIT

package swav_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"

	"seer/ssl/swav"
	"seer/torch"
	"seer/torch/torchtest"
)

func TestMeasureOfUniformAssignments(t *testing.T) {
	torchtest.NoLeaks(t)
	torch.ManualSeed(30)
	const n, k, d = 4000, 50, 64
	h := swav.Measure(nil, swav.Output{
		Assignments: torch.Full(1.0/k, torch.Float32, torchtest.Device, n, k),
		Embeddings:  torch.Randn(torchtest.Device, n, d).Normalize(1),
	})
	assert.InDelta(t, math.Log(k), h.Entropy, 1e-5)
	assert.InDelta(t, 1.0/k, h.Confidence, 1e-6)
	assert.InDelta(t, 1, h.EmbeddingStd, 0.02, "spread over the sphere")
}

func TestMeasureOfHardAssignments(t *testing.T) {
	torchtest.NoLeaks(t)
	// Three embeddings choose prototype 0, one chooses prototype 2, none the others.
	q := torchtest.Float32([]float32{1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0}, 4, 4)
	h := swav.Measure(nil, swav.Output{Assignments: q, Embeddings: torch.Ones(torch.Float32, torchtest.Device, 4, 3)})
	assert.InDelta(t, -0.75*math.Log(0.75)-0.25*math.Log(0.25), h.Entropy, 1e-6)
	assert.InDelta(t, 1, h.Confidence, 1e-6)
	assert.Equal(t, int64(2), h.PrototypesUsed)
	assert.InDelta(t, 0, h.EmbeddingStd, 1e-6, "all embeddings are the same")
}

func TestCollapseDetector(t *testing.T) {
	d := swav.CollapseDetector{K: 1000, Window: 3}
	ln, healthy := math.Log(1000), swav.Health{EmbeddingStd: 1, PrototypesUsed: 900, Confidence: 0.001}
	observe := func(loss float64) string { return d.Observe(loss, healthy) }
	assert.Empty(t, observe(ln))
	assert.Empty(t, observe(ln*1.004))
	assert.Empty(t, observe(ln*0.99), "a loss that leaves ln K starts the count again")
	assert.Empty(t, observe(ln))
	assert.Empty(t, observe(ln))
	message := observe(ln)
	for _, part := range []string{"ln(1000) = 6.908", "3 steps", "swav.epsilon", "swav.freeze_prototypes", "optim.base_lr", "as good as uniform"} {
		assert.Contains(t, message, part)
	}
	assert.Empty(t, observe(ln), "once a window")
	assert.Empty(t, observe(ln))
	assert.Contains(t, observe(ln), "6 steps")
}

func TestCollapseDetectorNamesTheSymptom(t *testing.T) {
	for want, h := range map[string]swav.Health{
		"nearly the same, std 0.010":                         {EmbeddingStd: 0.01, PrototypesUsed: 900},
		"only 7 of 1000 prototypes":                          {EmbeddingStd: 1, PrototypesUsed: 7},
		"uniform, std 1.000, confidence 0.0010, 900 of 1000": {EmbeddingStd: 1, PrototypesUsed: 900, Confidence: 0.001},
		"predictions do not follow":                          {EmbeddingStd: 0.78, PrototypesUsed: 30, Confidence: 0.2, Assigned: 32},
		"was not measured":                                   {},
	} {
		d := swav.CollapseDetector{K: 1000, Window: 1}
		assert.Contains(t, d.Observe(math.Log(1000), h), want)
	}
	off := swav.CollapseDetector{K: 10}
	for range 5 {
		assert.Empty(t, off.Observe(math.Log(10), swav.Health{}), "a window of 0 never warns")
	}
}

// What is said about a collapse is what was measured in the step that it is said of.
func TestCollapseWarningsSpeakOfMeasuredHealth(t *testing.T) {
	torchtest.NoLeaks(t)
	torch.ManualSeed(31)
	const n, k, d = 64, 16, 8
	one := torch.Randn(torchtest.Device, 1, d).Normalize(1).MatMul(torch.Ones(torch.Float32, torchtest.Device, d, d)).Normalize(1)
	same := torch.Ones(torch.Float32, torchtest.Device, n, 1).MatMul(one)
	spread := torch.Randn(torchtest.Device, n, d).Normalize(1)
	uniform := torch.Full(1.0/k, torch.Float32, torchtest.Device, n, k)
	sharp := torch.Randn(torchtest.Device, n, k).MulScalar(8).Softmax(1)
	for _, c := range []struct {
		embeddings, assignments *torch.Tensor
		want, not               string
	}{
		{same, uniform, "all embeddings are nearly the same, std 0.000", "uniform"},
		{spread, uniform, "assignments are as good as uniform", "nearly the same"},
		{spread, sharp, "predictions do not follow", "nearly the same"},
	} {
		detector := swav.CollapseDetector{K: k, Window: 2}
		assert.False(t, detector.Due())
		assert.Empty(t, detector.Observe(math.Log(k), swav.Health{}), "not due, not measured")
		assert.True(t, detector.Due())
		h := swav.Measure(nil, swav.Output{Embeddings: c.embeddings, Assignments: c.assignments})
		assert.EqualValues(t, n, h.Assigned)
		warning := detector.Observe(math.Log(k), h)
		assert.Contains(t, warning, c.want)
		assert.NotContains(t, warning, c.not)
		assert.Contains(t, warning, fmt.Sprintf("std %.3f, confidence %.4f, %d of 16", h.EmbeddingStd, h.Confidence, h.PrototypesUsed))
		assert.False(t, detector.Due())
	}
}
