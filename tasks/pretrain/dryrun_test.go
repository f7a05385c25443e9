// SPDX-License-Identifier: MIT

package pretrain_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/config"
	"seer/footprint"
	"seer/mesh"
	"seer/models"
	"seer/nn"
	"seer/recompute"
	"seer/tasks/pretrain"
	"seer/torch"
	"seer/torch/dist"
	"seer/torch/torchtest"
	"seer/train"
)

// dryWorld is how many processes SEER had.
const dryWorld = 512

// Every recipe for pretraining does steps as a process of 512, of which the others exist on paper only and have the same
// images: its loss is that of one process by itself with them, and what it gives to the collectives is what seer plan says
// that a step sends. Trunk, head, prototypes and crops are smaller than the recipe's, everything else is as it is.
func TestDryRunsOf512Processes(t *testing.T) {
	files, err := filepath.Glob("../../experiments/*.toml")
	require.NoError(t, err)
	tried := 0
	for _, file := range files {
		e, err := config.Load(file, []string{"data.source=x", "linear.train=", "linear.val="})
		require.NoError(t, err, file)
		if len(e.Crops) == 0 || e.Crops[0].Count < 2 { // not for pretraining
			continue
		}
		tried++
		shrink(e)
		t.Run(filepath.Base(file), func(t *testing.T) {
			torchtest.NoLeaks(t)
			_, err := e.Validate(config.Pretrain)
			require.NoError(t, err)
			plan, _, err := e.Resolve(1_000_000_000, dryWorld)
			require.NoError(t, err)
			alone := drySteps(t, e, plan, nil)
			for _, rank := range []int{0, 64, dryWorld - 1} {
				m, err := mesh.DryRun(mesh.Place{Rank: rank, World: dryWorld, LocalWorld: 8, Local: rank % 8}, mesh.JoinOptions{NormGroup: e.Mesh.BatchNormGroup})
				require.NoError(t, err)
				losses := drySteps(t, e, plan, m)
				m.Close()
				assert.InEpsilon(t, alone[0], losses[0], 1e-5, "rank %d", rank)
				assert.InEpsilonSlice(t, alone, losses, 2e-3, "rank %d", rank) // rounding, of two images where the recipe's batch is small
			}
		})
	}
	assert.GreaterOrEqual(t, tried, 9)
}

// shrink makes a recipe small enough for a test.
func shrink(e *config.Experiment) {
	e.Model = config.Model{Arch: "regnet_y", Depth: 4, W0: 8, WA: 8, WM: 2, GroupWidth: 8}
	for i := range e.SwAV.Hidden {
		e.SwAV.Hidden[i] = 32
	}
	e.SwAV.Out, e.SwAV.Prototypes = 16, 50
	for i := range e.Crops {
		e.Crops[i].Size = max(e.Crops[i].Size/7, 16)
	}
	e.Optim.Batch = max((e.Optim.Batch+dryWorld/2)/dryWorld, 2) * dryWorld
	e.Optim.Rules, e.Run.Precision, e.Train.Duration = nil, "fp32", config.Duration{Value: 100_000, Unit: config.Steps}
	e.Schedule.Warmup = config.Duration{Unit: config.Steps}
}

// drySteps are the losses of three steps.
func drySteps(t *testing.T, e *config.Experiment, plan *config.Resolved, m *mesh.Mesh) (losses []float64) {
	t.Helper()
	system, err := pretrain.NewSystem(e, plan, torch.CPU)
	require.NoError(t, err)
	engine, err := pretrain.NewEngine(system, e, plan, torch.CPU, false)
	require.NoError(t, err)
	defer engine.Close()
	if m != nil {
		engine.Mesh, system.Group = m, m.All()
		engine.Plan = recompute.Each(len(system.Trunk.(models.Trunk).Segments()), recompute.KeepAll)
	}
	torch.ManualSeed(5)
	for step := range int64(3) {
		scope := torch.NewScope()
		b := &train.Batch{Images: int64(plan.BatchPerRank)}
		for _, c := range e.Crops {
			b.Views = append(b.Views, torch.Randn(torch.CPU, int64(c.Count*plan.BatchPerRank), 3, int64(c.Size), int64(c.Size)))
		}
		before := m.All().Traffic()
		norms := m.Norm().Traffic()
		r, err := engine.Step(step, 0.01, b, false)
		require.NoError(t, err)
		losses = append(losses, r.Loss)
		if m != nil && step == 2 {
			sentAsPlanned(t, e, m, m.All().Traffic().Sub(before), m.Norm().Traffic().Sub(norms), nn.CountParameters(system))
		}
		scope.Close()
	}
	return losses
}

// sentAsPlanned compares what a step has given to collectives with what seer plan says that these send.
func sentAsPlanned(t *testing.T, e *config.Experiment, m *mesh.Mesh, world, norm dist.Traffic, parameters int64) {
	t.Helper()
	s, err := footprint.Size(e, config.Pretrain, 0, footprint.Cluster{GPUs: dryWorld, Memory: 1 << 40, FLOPS: 1, Efficiency: 1, Bandwidth: 1})
	require.NoError(t, err)
	require.Equal(t, parameters, s.Parameters)
	sent := func(x dist.Traffic, n int) int64 {
		return 2*x.Reduced*int64(n-1)/int64(n) + x.Gathered*int64(n-1)
	}
	measured := sent(world, m.All().Size())
	if m.Norm() != m.All() {
		assert.Equal(t, s.BatchNormSent, sent(norm, m.Norm().Size()), "batch norm")
		assert.Equal(t, s.BatchNormCalls, norm.Calls, "collectives of batch norm")
	} else {
		measured -= s.BatchNormSent
	}
	planned := s.GradientsSent + s.SinkhornSent
	assert.InDelta(t, planned, measured, smallBytes, "gradients and Sinkhorn")
	t.Logf("rank %d: gradients %d, batch norm %d in %d calls, Sinkhorn %d bytes; besides %d", m.Rank, s.GradientsSent, s.BatchNormSent,
		s.BatchNormCalls, s.SinkhornSent, measured-planned)
}

// smallBytes are sent besides: the loss, Sinkhorn's largest score and its number of rows.
const smallBytes = 100
