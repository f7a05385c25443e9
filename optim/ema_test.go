// SPDX-License-Identifier: MIT

package optim_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/internal/golden"
	"seer/nn"
	"seer/nn/nntest"
	"seer/optim"
	"seer/torch"
	"seer/torch/torchtest"
)

// model is a weight and a statistic.
type model struct{ weight, mean *torch.Tensor }

func (m model) Walk(prefix string, visit func(nn.Entry)) {
	visit(nn.Entry{Name: nn.Join(prefix, "weight"), Kind: nn.Parameter, Tensor: m.weight})
	visit(nn.Entry{Name: nn.Join(prefix, "mean"), Kind: nn.Buffer, Tensor: m.mean})
}

// steps leaves in a model what it is behind step i.
func (m model) step(t *testing.T, i int) {
	nntest.Set(t, m.weight, golden.Fill(fmt.Sprintf("ema.weight.%d", i), golden.Seed, 5))
	nntest.Set(t, m.mean, golden.Fill(fmt.Sprintf("ema.mean.%d", i), golden.Seed, 3))
}

func newModel() model {
	return model{torch.Zeros(torch.Float32, torchtest.Device, 5).Release().SetRequiresGrad(true), torch.Zeros(torch.Float32, torchtest.Device, 3).Release()}
}

func TestAveragesEqualTorchvisionsAndTimms(t *testing.T) {
	torchtest.NoLeaks(t)
	var want struct {
		EMA map[string][]struct{ Weight, Mean []float64 }
	}
	require.NoError(t, golden.JSON("finetune.json", &want))
	m := newModel()
	defer nn.Close(m)
	e, err := optim.NewEMA(m, 0.9)
	require.NoError(t, err)
	defer e.Close()
	for i := range want.EMA["timm"] {
		m.step(t, i)
		e.Update()
		for library, steps := range want.EMA {
			for k, v := range nntest.Find(t, e, "weight").Float32s() {
				assert.InDelta(t, steps[i].Weight[k], v, 1e-7, "%s, step %d", library, i)
			}
			for k, v := range nntest.Find(t, e, "mean").Float32s() {
				assert.InDelta(t, steps[i].Mean[k], v, 1e-7, "%s, step %d", library, i)
			}
		}
	}
	assert.EqualValues(t, len(want.EMA["timm"]), e.Updates)
}

// While they are exchanged the model has the average; afterwards both are as before, to the bit.
func TestSwapShowsTheAverageAndKeepsTheModel(t *testing.T) {
	torchtest.NoLeaks(t)
	m := newModel()
	defer nn.Close(m)
	e, err := optim.NewEMA(m, 0.5)
	require.NoError(t, err)
	defer e.Close()
	m.step(t, 0)
	e.Update()
	m.step(t, 1)
	e.Update()
	trained, average := m.weight.Float32s(), nntest.Find(t, e, "weight").Float32s()
	require.NotEqual(t, trained, average)
	e.Swap()
	assert.Equal(t, average, m.weight.Float32s())
	e.Swap()
	assert.Equal(t, trained, m.weight.Float32s())
	assert.Equal(t, average, nntest.Find(t, e, "weight").Float32s())
	assert.True(t, m.weight.RequiresGrad())
	e.Restart()
	assert.Equal(t, trained, nntest.Find(t, e, "weight").Float32s())
	assert.EqualValues(t, 1, e.Updates)
}
