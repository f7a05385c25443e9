// SPDX-License-Identifier: MIT

package train_test

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/mesh"
	"seer/nn"
	"seer/optim"
	"seer/optim/rules"
	"seer/optim/schedule"
	"seer/torch"
	"seer/torch/dist"
	"seer/torch/dist/disttest"
	"seer/train"
)

// line is a method with one layer.
type line struct {
	*nn.Linear
	takes time.Duration // that a step takes besides
}

func (l line) Forward(ctx *nn.Context, b *train.Batch, _ int64) train.Output {
	time.Sleep(l.takes)
	return train.Output{Loss: l.Linear.Forward(ctx, b.Views[0]).Mean()}
}

func (line) AfterUpdate(int64) {}

// ones is a loader.
type ones struct{ takes time.Duration }

func (o ones) Next(context.Context) (*train.Batch, error) {
	time.Sleep(o.takes)
	return &train.Batch{Views: []*torch.Tensor{torch.Ones(torch.Float32, torch.CPU, 2, 3)}, Images: 2}, nil
}

// onMesh makes a test's processes those of a run.
func onMesh(t *testing.T, g *dist.Group) *mesh.Mesh {
	port := g.MaxInPlace(torch.FromInt64([]int64{disttest.FreePort(t, g)}, 1)).Int64s()[0]
	m, err := mesh.Join(mesh.Place{Rank: g.Rank(), World: g.Size(), LocalWorld: g.Size(), Host: "127.0.0.1", Port: int(port)},
		mesh.JoinOptions{First: 20 * time.Second, Later: 20 * time.Second})
	require.NoError(t, err)
	t.Cleanup(m.Close)
	return m
}

func lineProgram(t *testing.T, m *mesh.Mesh, method line, loader train.Loader, steps int64) *train.Program {
	params := nn.Parameters(method)
	settings := make([]rules.Setting, len(params))
	for i := range settings {
		settings[i] = rules.Default(0, false)
	}
	optimizer, err := optim.NewSGD(params, settings, optim.SGDOptions{Adaptation: optim.None})
	require.NoError(t, err)
	engine := &train.Engine{Method: method, Optimizer: optimizer, Device: torch.CPU, Precision: torch.Float32, Mesh: m}
	t.Cleanup(engine.Close)
	return &train.Program{Engine: engine, Batches: loader, Rate: schedule.Constant(0.1), Steps: steps, Batch: 2 * m.Size(), LogEvery: 12}
}

// All processes take the same time for a step; the one that the others wait for is named all the same, and whether it is
// its data that is late.
func TestTheProcessThatHoldsUpTheOthersIsNamed(t *testing.T) {
	for name, c := range map[string]struct {
		method, loader time.Duration
		want           string
	}{
		"slow steps": {method: 60 * time.Millisecond, want: `rank 1 of 3 holds up the others: a step takes it 0\.\d+ s by itself, of which it waits 0\.0[0-2]\d s for data`},
		"slow data":  {loader: 60 * time.Millisecond, want: `rank 1 of 3 holds up the others: a step takes it 0\.\d+ s by itself, of which it waits 0\.0[6-9]\d s for data`},
	} {
		t.Run(name, func(t *testing.T) {
			disttest.Run(t, 3, func(t *testing.T, g *dist.Group) {
				m := onMesh(t, g)
				method, loader := line{Linear: nn.NewLinear(torch.CPU, 3, 1, true)}, ones{}
				if m.Rank == 1 {
					method.takes, loader.takes = c.method, c.loader
				}
				p := lineProgram(t, m, method, loader, 24)
				var said bytes.Buffer
				p.Out = &said
				require.NoError(t, p.Run(context.Background(), nil))
				if m.Leads() {
					assert.Regexp(t, "warning: step 12: "+c.want, said.String())
					assert.NotContains(t, said.String(), "warning: step 24", "once is enough")
				}
			})
		})
	}
}
