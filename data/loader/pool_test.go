// SPDX-License-Identifier: MIT

package loader

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"seer/data/augment"
	"seer/data/source"
)

func TestPoolHandsOutWhatCameBack(t *testing.T) {
	freed := 0
	p := &Pool{alloc: func(n int) []byte { return make([]byte, n) }, dealc: func([]byte) { freed++ }, bytes: 8}
	a, b := p.get(), p.get()
	require.NotSame(t, a, b)
	p.put(a)
	require.Same(t, a, p.get())
	p.put(a)
	p.Close()
	require.Equal(t, 1, freed)
	p.put(b)
	require.Equal(t, 2, freed, "what comes back late is freed at once")
}

// The layout that the trunk relies on: crop-major, groups one after the other.
func TestLayOutIsCropMajor(t *testing.T) {
	spec := augment.MultiCrop{Groups: []augment.Group{{Count: 2, Size: 2}, {Count: 3, Size: 1}}}
	const n = 4
	mem := make([]byte, n*spec.Bytes())
	groups := layOut(spec, mem, n)
	mark := byte(0)
	for i := range groups {
		g := &groups[i]
		require.Equal(t, g.Count*n*g.Size*g.Size*3, len(g.Pixels))
		for c := range g.Count {
			for j := range n {
				mark++
				slot := g.slot(c, j, n)
				require.Len(t, slot, g.Size*g.Size*3)
				for k := range slot {
					require.Zero(t, slot[k], "two slots overlap")
					slot[k] = mark
				}
			}
		}
	}
	for k := 1; k < len(mem); k++ {
		require.GreaterOrEqual(t, mem[k], mem[k-1], "slots are in order and without gaps")
	}
	require.Equal(t, mark, mem[len(mem)-1])
}

func TestStatsOfSegmentsAddUp(t *testing.T) {
	a := Stats{Batches: 1, Images: 2, Bytes: 3, Read: 4, Decode: 5, Resize: 6, Jitter: 7, Blur: 8, Wait: 9}
	b := a
	b.Bad = map[source.Reason]int64{source.Missing: 2}
	sum := a.Plus(b).Plus(b)
	require.Equal(t, Stats{Batches: 3, Images: 6, Bytes: 9, Read: 12, Decode: 15, Resize: 18, Jitter: 21, Blur: 24,
		Wait: 27 * time.Nanosecond, Bad: map[source.Reason]int64{source.Missing: 4}}, sum)
	require.EqualValues(t, 4, sum.Replaced())
	require.EqualValues(t, 2, b.Replaced(), "the parts are left alone")
}
