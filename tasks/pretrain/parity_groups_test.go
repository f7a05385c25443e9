// SPDX-License-Identifier: MIT

package pretrain_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"seer/internal/golden"
	"seer/mesh"
	"seer/nn"
	"seer/nn/nntest"
	"seer/torch"
	"seer/torch/dist"
	"seer/torch/dist/disttest"
)

// Four processes whose batch norms go in pairs, and whose Sinkhorn goes over all, give the losses, weights and statistics
// of four processes of PyTorch: DistributedDataParallel over gloo (tools/golden/make_groups.py).
func TestGroupsOfBatchNormEqualPyTorch(t *testing.T) {
	file, err := golden.Load("swav_groups.safetensors")
	require.NoError(t, err)
	disttest.Run(t, 4, func(t *testing.T, g *dist.Group) {
		m := joined(t, g, mesh.JoinOptions{NormGroup: 2})
		r := newGoldenRun(t, file, false)
		r.system.Group = m.All()
		for step := range file.Get("losses").Data {
			r.stepOf(m, int64(step))
		}
		r.compareWeights()
		statistics := torch.Cat(0, nntest.Find(t, r.system, "trunk.stem.1.running_var"), nntest.Find(t, r.system, "head.projection_head.1.running_mean"))
		r.worst.See(t, "statistics", "the end", statistics.Float32s(), file.Get("statistics").Row(g.Rank()/2), tolerance)
		t.Logf("largest relative errors: %v", r.worst)
	})
}

// joined is the mesh of the processes of a test.
func joined(t *testing.T, g *dist.Group, o mesh.JoinOptions) *mesh.Mesh {
	port := g.MaxInPlace(torch.FromInt64([]int64{disttest.FreePort(t, g)}, 1)).Int64s()[0]
	o.First, o.Later = 20*time.Second, 20*time.Second
	m, err := mesh.Join(mesh.Place{Rank: g.Rank(), World: g.Size(), LocalWorld: g.Size(), Host: "127.0.0.1", Port: int(port)}, o)
	require.NoError(t, err)
	t.Cleanup(m.Close)
	return m
}

// stepOf is a step of a process, which has its share of each crop's images.
func (g *goldenRun) stepOf(m *mesh.Mesh, step int64) {
	own := int64(goldenBatch / m.Size())
	var images []*torch.Tensor
	for _, crops := range g.crops(step) {
		var parts []*torch.Tensor
		for from := own * int64(m.Rank); from < crops.Size(0); from += goldenBatch {
			parts = append(parts, crops.Narrow(0, from, own))
		}
		images = append(images, torch.Cat(0, parts...))
	}
	out := g.system.Forward(&nn.Context{Training: true, Norm: m.Norm()}, images, own, step)
	out.Loss.Backward()
	loss, means := out.Loss.Detach().Clone().Reshape(1), m.All().Averages()
	means.Add(loss)
	for _, p := range nn.Parameters(g.system) {
		means.Add(p.Tensor.Grad())
	}
	means.Wait()
	norm, ok := g.optimizer.Step(step, float64(g.file.Get("lrs").Data[step]))
	require.True(g.t, ok)
	g.system.Prototypes.Normalize()
	g.at("losses", step, loss.Item())
	g.at("grad_norms", step, norm)
}
