// SPDX-License-Identifier: MIT

package dist_test

import (
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"seer/torch"
	"seer/torch/dist"
	"seer/torch/dist/disttest"
	"seer/torch/torchtest"
)

// mine is a tensor that tells the rank: [rank+1, rank+1, …] in the given shape.
func mine(g *dist.Group, shape ...int64) *torch.Tensor {
	return torch.Full(float64(g.Rank()+1), torch.Float32, torch.CPU, shape...)
}

func all(value float32, n int) []float32 {
	out := make([]float32, n)
	for i := range out {
		out[i] = value
	}
	return out
}

func TestCollectivesOverFourProcesses(t *testing.T) {
	disttest.Run(t, 4, func(t *testing.T, g *dist.Group) {
		torchtest.NoLeaks(t)
		assert.Equal(t, 4, g.Size())
		assert.Equal(t, all(1+2+3+4, 6), g.SumInPlace(mine(g, 2, 3)).Float32s())
		assert.Equal(t, all(4, 6), g.MaxInPlace(mine(g, 2, 3)).Float32s())
		gathered := g.Gather(mine(g, 2))
		assert.Equal(t, []int64{4, 2}, gathered.Shape())
		assert.Equal(t, []float32{1, 1, 2, 2, 3, 3, 4, 4}, gathered.Float32s())
		x := mine(g, 3)
		g.BroadcastInPlace(x, 2)
		assert.Equal(t, all(3, 3), x.Float32s())
		g.Barrier()
	})
}

// A column of a matrix and a channels-last image are not laid out as Gloo sends them.
func TestCollectivesChangeViewsInPlace(t *testing.T) {
	disttest.Run(t, 2, func(t *testing.T, g *dist.Group) {
		x := mine(g, 2, 2)
		g.SumInPlace(x.Narrow(1, 0, 1))
		own := float32(g.Rank() + 1)
		assert.Equal(t, []float32{3, own, 3, own}, x.Float32s())
		image := mine(g, 1, 2, 2, 2).ToChannelsLast()
		g.BroadcastInPlace(image, 1)
		assert.Equal(t, all(2, 8), image.Float32s())
		assert.True(t, image.ChannelsLast())
	})
}

func TestTypesOfMixedPrecisionAreSummed(t *testing.T) {
	disttest.Run(t, 2, func(t *testing.T, g *dist.Group) {
		for _, dtype := range []torch.DType{torch.Float16, torch.BFloat16, torch.Float64} {
			sum := g.SumInPlace(mine(g, 5).To(dtype))
			assert.Equal(t, dtype, sum.DType())
			assert.Equal(t, all(3, 5), sum.To(torch.Float32).Float32s(), "%v", dtype)
		}
	})
}

// Buckets: tensors that together are longer than one, of two types and layouts, and one that is longer by itself.
func TestAveragesOfManyTensors(t *testing.T) {
	disttest.Run(t, 2, func(t *testing.T, g *dist.Group) {
		torchtest.NoLeaks(t)
		tensors := []*torch.Tensor{
			mine(g, 7), mine(g, 2, 3, 4, 5).ToChannelsLast(), mine(g, 8<<20), mine(g, 3).To(torch.Float64), mine(g, 1), mine(g, 4<<20),
		}
		a := g.Averages()
		a.Add(tensors[:3]...)
		a.Add(tensors[3:]...)
		a.Wait()
		for i, x := range tensors {
			assert.Equal(t, []float64{1.5, 1.5}, []float64{x.Min().Item(), x.Max().Item()}, "tensor %d", i)
		}
	})
}

// sentBytes are those that this process has sent over TCP, by the kernel's count.
func sentBytes(t *testing.T) (sum int64) {
	t.Helper()
	all, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	for _, f := range all {
		fd, err := strconv.Atoi(f.Name())
		require.NoError(t, err)
		if info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO); err == nil {
			sum += int64(info.Bytes_sent) - int64(info.Bytes_retrans) // a busy machine sends some again
		}
	}
	return sum
}

// A ring of n sends a tensor to be averaged 2·(n-1)/n times, and what is gathered n-1 times, which seer plan counts with.
func TestBytesOnTheWireAreThoseOfARing(t *testing.T) {
	disttest.Run(t, 4, func(t *testing.T, g *dist.Group) {
		const n = 4 << 20
		x := mine(g, n)
		g.Barrier()
		before, traffic := sentBytes(t), g.Traffic()
		a := g.Averages()
		a.Add(x)
		a.Wait()
		averaged := sentBytes(t) - before
		g.Gather(x)
		gathered := sentBytes(t) - before - averaged
		assert.InEpsilon(t, 2*4*n*3/4, averaged, 0.05)
		assert.InEpsilon(t, 4*n*3, gathered, 0.05)
		traffic = g.Traffic().Sub(traffic)
		assert.Equal(t, []int64{4 * n, 4 * n, 2}, []int64{traffic.Reduced, traffic.Gathered, traffic.Calls})
		assert.Positive(t, traffic.Waited)
		t.Logf("of %d bytes: averaged %d, gathered %d", 4*n, averaged, gathered)
		g.Barrier()
	})
}

// A mirror's members have what the one that exists has.
func TestAMirrorIsAGroupOfEquals(t *testing.T) {
	torchtest.NoLeaks(t)
	g, err := dist.Mirror(3, 512)
	require.NoError(t, err)
	defer g.Close()
	assert.Equal(t, []int{3, 512}, []int{g.Rank(), g.Size()})
	assert.Equal(t, all(4*512, 2), g.SumInPlace(mine(g, 2)).Float32s())
	assert.Equal(t, all(4, 2), g.MaxInPlace(mine(g, 2)).Float32s())
	assert.Equal(t, all(4, 512*2), g.Gather(mine(g, 2)).Float32s())
	x := mine(g, 5)
	a := g.Averages()
	a.Add(x)
	a.Wait()
	g.BroadcastInPlace(x, 7)
	g.Barrier()
	assert.NoError(t, g.SetTimeout(time.Second))
	assert.Equal(t, all(4, 5), x.Float32s())
}

func TestGroupsOfAStoreAreTheirOwn(t *testing.T) {
	disttest.Run(t, 4, func(t *testing.T, g *dist.Group) {
		// disttest's store is not at hand: the test serves a second one.
		port := g.MaxInPlace(torch.FromInt64([]int64{disttest.FreePort(t, g)}, 1)).Int64s()[0]
		store, err := dist.OpenStore(dist.StoreAddress{Host: "127.0.0.1", Port: int(port), Serve: g.Rank() == 0}, 20*time.Second)
		require.NoError(t, err)
		pair, err := dist.OpenGroup(store, fmt.Sprint("pair ", g.Rank()/2), dist.Member{Rank: g.Rank() % 2, Size: 2, Address: "127.0.0.1"}, 20*time.Second)
		require.NoError(t, err)
		defer pair.Close()
		want := map[int]float32{0: 1 + 2, 1: 3 + 4}[g.Rank()/2]
		assert.Equal(t, all(want, 1), pair.SumInPlace(mine(g, 1)).Float32s())
		g.Barrier() // the server stays until all are done
	})
}

// lost waits for a collective that cannot get through.
func lost(t *testing.T, g *dist.Group, within time.Duration) {
	t.Helper()
	begun := time.Now()
	err := torch.Try(func() { g.SumInPlace(mine(g, 4)) })
	assert.ErrorIs(t, err, dist.ErrLost)
	assert.ErrorContains(t, err, "all_reduce sum(float32[4])")
	assert.Less(t, time.Since(begun), within)
}

func TestAMemberThatHangsIsAnErrorAfterTheTimeOut(t *testing.T) {
	disttest.Run(t, 2, func(t *testing.T, g *dist.Group) {
		require.NoError(t, g.SetTimeout(time.Second))
		if g.Rank() == 1 {
			time.Sleep(3 * time.Second)
			return
		}
		lost(t, g, 2500*time.Millisecond)
	})
}

func TestAMemberThatEndsIsAnErrorAtOnce(t *testing.T) {
	disttest.Run(t, 3, func(t *testing.T, g *dist.Group) {
		g.Barrier()
		if g.Rank() == 1 {
			os.Exit(0) // nothing is closed, as when it is killed
		}
		lost(t, g, 5*time.Second)
	})
}

func TestAMemberThatNeverComesIsAnErrorAfterTheTimeOut(t *testing.T) {
	store, err := dist.OpenStore(dist.StoreAddress{Host: "127.0.0.1", Port: int(disttest.FreePort(t, nil)), Serve: true}, time.Second)
	require.NoError(t, err)
	defer store.Close()
	_, err = dist.OpenGroup(store, "half", dist.Member{Rank: 0, Size: 2, Address: "127.0.0.1"}, time.Second)
	assert.ErrorIs(t, err, dist.ErrLost)
}

func TestAProcessByItselfIsAGroup(t *testing.T) {
	torchtest.NoLeaks(t)
	var g *dist.Group
	assert.Equal(t, []int{0, 1}, []int{g.Rank(), g.Size()})
	assert.Equal(t, all(1, 2), g.SumInPlace(mine(g, 2)).Float32s())
	assert.Equal(t, []int64{1, 2}, g.Gather(mine(g, 2)).Shape())
	a := g.Averages()
	a.Add(mine(g, 2))
	a.Wait()
	g.Barrier()
	assert.NoError(t, g.SetTimeout(time.Second))
	g.Close()
}
