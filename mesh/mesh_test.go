// SPDX-License-Identifier: MIT

package mesh_test

import (
	"errors"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/mesh"
	"seer/torch"
	"seer/torch/dist"
	"seer/torch/dist/disttest"
	"seer/torch/torchtest"
)

func TestMain(m *testing.M) { torchtest.Main(m) }

// together runs body in processes that have joined, as disttest starts them.
func together(t *testing.T, size int, o mesh.JoinOptions, body func(t *testing.T, m *mesh.Mesh)) {
	disttest.Run(t, size, func(t *testing.T, g *dist.Group) {
		port := g.MaxInPlace(torch.FromInt64([]int64{disttest.FreePort(t, g)}, 1)).Int64s()[0]
		o.First, o.Later = 20*time.Second, 10*time.Second
		m, err := mesh.Join(mesh.Place{Rank: g.Rank(), World: size, LocalWorld: size, Host: "127.0.0.1", Port: int(port)}, o)
		require.NoError(t, err)
		defer m.Close()
		body(t, m)
	})
}

func TestProcessesAgreeToGoOnOrToStop(t *testing.T) {
	together(t, 3, mesh.JoinOptions{}, func(t *testing.T, m *mesh.Mesh) {
		assert.Equal(t, m.Rank == 0, m.Leads())
		require.NoError(t, m.Agree(nil))
		broken := errors.New("the disk is full")
		var own error
		if m.Rank == 1 {
			own = broken
		}
		err := m.Agree(own)
		if m.Rank == 1 {
			assert.Equal(t, broken, err)
			return
		}
		var peer *mesh.PeerError
		require.ErrorAs(t, err, &peer)
		assert.EqualError(t, err, "rank 1 of 3 has stopped: the disk is full")
		assert.False(t, peer.Asked)
		assert.Equal(t, err, m.Failed(err), "it is known already")
	})
}

func TestARequestToStopIsNoFailure(t *testing.T) {
	together(t, 2, mesh.JoinOptions{}, func(t *testing.T, m *mesh.Mesh) {
		var own error
		if m.Rank == 0 {
			own = mesh.Asked{Err: errors.New("interrupted")}
		}
		err := m.Agree(own)
		var peer *mesh.PeerError
		if m.Rank == 1 && assert.ErrorAs(t, err, &peer) {
			assert.True(t, peer.Asked)
		}
	})
}

func TestRankZeroDecidesForAll(t *testing.T) {
	together(t, 2, mesh.JoinOptions{}, func(t *testing.T, m *mesh.Mesh) {
		for _, choice := range []string{"first", ""} {
			got, err := m.Lead(func() (string, error) {
				assert.True(t, m.Leads())
				return choice, nil
			})
			require.NoError(t, err)
			assert.Equal(t, choice, got)
		}
		_, err := m.Lead(func() (string, error) { return "", errors.New("no such folder") })
		assert.ErrorContains(t, err, "no such folder")
	})
}

// A process that fails between messages is named with its reason by those whose message does not get through, and one that
// only disappears as the one that does not answer.
func TestTheProcessThatIsGoneIsNamed(t *testing.T) {
	for name, c := range map[string]struct {
		leave func(m *mesh.Mesh)
		want  string
	}{
		"with a reason":  {func(m *mesh.Mesh) { _ = m.Failed(errors.New("out of memory")); m.Close() }, "rank 1 of 3 has stopped: out of memory"},
		"without a word": {func(*mesh.Mesh) {}, "rank 1 of 3 does not answer"},
	} {
		t.Run(name, func(t *testing.T) {
			together(t, 3, mesh.JoinOptions{}, func(t *testing.T, m *mesh.Mesh) {
				require.NoError(t, m.Agree(nil))
				if m.Rank == 1 {
					c.leave(m)
					os.Exit(0)
				}
				err := m.Failed(torch.Try(func() { m.All().SumInPlace(torch.Ones(torch.Float32, torch.CPU, 1)) }))
				assert.ErrorIs(t, err, dist.ErrLost)
				assert.ErrorContains(t, err, c.want)
			})
		})
	}
}

func TestGroupsOfBatchNormAreNeighbours(t *testing.T) {
	together(t, 4, mesh.JoinOptions{NormGroup: 2}, func(t *testing.T, m *mesh.Mesh) {
		sum := m.Norm().SumInPlace(torch.Full(float64(m.Rank), torch.Float32, torch.CPU, 1)).Item()
		assert.Equal(t, map[int]float64{0: 0 + 1, 1: 2 + 3}[m.Rank/2], sum)
		assert.Equal(t, 4, m.All().Size())
		require.NoError(t, m.Patient(true))
		require.NoError(t, m.Agree(nil))
	})
}

func TestGroupsThatDoNotDivideAreRefused(t *testing.T) {
	_, err := mesh.Join(mesh.Place{World: 4, Host: "127.0.0.1", Port: 1}, mesh.JoinOptions{NormGroup: 3})
	assert.ErrorContains(t, err, "mesh.batch_norm_group = 3: the 4 processes of the run do not make groups of that size")
}

func TestAProcessByItselfNeedsNobody(t *testing.T) {
	m, err := mesh.Join(mesh.Place{World: 1}, mesh.JoinOptions{})
	require.NoError(t, err)
	assert.Nil(t, m)
	assert.True(t, m.Leads())
	assert.Equal(t, 1, m.Size())
	assert.Nil(t, m.All())
	assert.Nil(t, m.Norm())
	broken := errors.New("broken")
	assert.Equal(t, broken, m.Agree(broken))
	assert.Equal(t, broken, m.Failed(broken))
	choice, err := m.Lead(func() (string, error) { return "mine", nil })
	require.NoError(t, err)
	assert.Equal(t, "mine", choice)
	assert.NoError(t, m.Patient(true))
	assert.NoError(t, m.Share(nil))
	m.Close()
}
