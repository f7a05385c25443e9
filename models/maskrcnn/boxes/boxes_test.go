// SPDX-License-Identifier: MIT

package boxes

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/internal/golden"
)

const seed = 20210302 // of the golden files

// reference is what torchvision says: tools/golden/make_boxes.py.
type reference struct {
	Anchors []struct {
		Sizes, Ratios           []float64
		Grid                    [4]int
		Torchvision, Detectron2 string
	}
	Coding map[string]struct {
		Encoded [][4]float32
		Decoded []Box
	}
	Matching []struct {
		Boxes, Objects        int
		Whole                 bool
		Proposals, Detections []int32
	}
	Sampling []struct {
		Size                int
		Share               float64
		Matches             []int32
		Objects, Background []int
	}
	Suppression []struct {
		N, Levels   int
		Whole       bool
		Threshold   float64
		All, Groups []int
	}
	Levels struct {
		Sides                   []float32
		Torchvision, Detectron2 []int
	}
	Proposals struct {
		Counts []int
		Cases  []struct {
			Before, After int
			Boxes         []Box
			Scores        []float32
		}
	}
}

func load(t *testing.T) (r reference) {
	t.Helper()
	require.NoError(t, golden.JSON("boxes.json", &r))
	return r
}

// drawn are the script's boxes.
func drawn(name string, n int, whole bool) []Box {
	v := golden.Fill(name, seed, 4*n)
	all := make([]Box, n)
	for i := range all {
		var c [4]float32
		for k, factor := range []float32{100, 80, 40, 30} {
			c[k] = float32((v[4*i+k] + 1) * factor)
			if k >= 2 {
				c[k]++
			}
			if whole {
				c[k] = float32(math.Floor(float64(c[k])))
			}
		}
		all[i] = Box{c[0], c[1], c[0] + c[2], c[1] + c[3]}
	}
	return all
}

// drawnScores are the script's.
func drawnScores(name string, n, levels int) []float32 {
	v := golden.Fill(name, seed, n)
	for i := range v {
		if levels > 0 {
			v[i] = float32(math.RoundToEven(float64(v[i]*float32(levels)))) / float32(levels)
		}
	}
	return v
}

func digest(all []Box) string {
	h := sha256.New()
	for _, b := range all {
		for _, v := range b {
			h.Write(binary.LittleEndian.AppendUint32(nil, math.Float32bits(v)))
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

func TestAnchors(t *testing.T) {
	for _, c := range load(t).Anchors {
		at := func(v Convention) string {
			return digest(Anchors{c.Sizes, c.Ratios, v}.Grid(c.Grid[0], c.Grid[1], c.Grid[2], c.Grid[3]))
		}
		assert.Equal(t, c.Torchvision, at(Torchvision), "%+v", c)
		assert.Equal(t, c.Detectron2, at(Detectron2), "%+v", c)
	}
	assert.Equal(t, []Box{{-23, -11, 23, 11}, {-16, -16, 16, 16}, {-11, -23, 11, 23}}, Anchors{[]float64{32}, []float64{.5, 1, 2}, Torchvision}.Cell())
}

func TestCoding(t *testing.T) {
	from, to := drawn("coding.from", 40, false), drawn("coding.to", 40, false)
	codes := golden.Fill("coding.code", seed, 160)
	for name, coder := range map[string]Coder{"proposals": ProposalCoder, "detections": DetectionCoder} {
		want := load(t).Coding[name]
		require.Len(t, want.Encoded, 40)
		for i := range from {
			code := coder.Encode(from[i], to[i])
			assert.InDeltaSlice(t, want.Encoded[i][:], code[:], 2e-5, "%s %d", name, i)
			back := coder.Decode(from[i], code)
			assert.InDeltaSlice(t, to[i][:], back[:], 1e-4, "what is encoded is decoded")
			var said [4]float32
			for k := range said {
				said[k] = codes[4*i+k] * 6
			}
			got := coder.Decode(from[i], said)
			for k, v := range got {
				assert.InEpsilon(t, 1+math.Abs(float64(want.Decoded[i][k])), 1+math.Abs(float64(v)), 1e-5, "%s %d", name, i)
			}
		}
	}
	wide := ProposalCoder.Decode(Box{0, 0, 16, 16}, [4]float32{0, 0, 50, 0})
	assert.InDelta(t, 1000, wide.width(), 1e-3, "a side grows by 1000/16 at most")
}

func TestMatching(t *testing.T) {
	for k, c := range load(t).Matching {
		candidates, objects := drawn(fmt.Sprintf("match.%d", k), c.Boxes, c.Whole), drawn(fmt.Sprintf("match.objects.%d", k), c.Objects, c.Whole)
		if k == 2 {
			objects[5] = objects[4]
		}
		if k == 3 {
			for i := range objects[0] {
				objects[0][i] += 1000
			}
		}
		assert.Equal(t, c.Proposals, ProposalMatcher.Match(candidates, objects), "case %d", k)
		assert.Equal(t, c.Detections, DetectionMatcher.Match(candidates, objects), "case %d", k)
	}
	assert.Equal(t, []int32{Background, Background}, ProposalMatcher.Match(drawn("x", 2, false), nil), "without objects")
	assert.Empty(t, ProposalMatcher.Match(nil, drawn("x", 2, false)))
}

func TestSampling(t *testing.T) {
	backwards := func(n, k int) []int {
		all := make([]int, k)
		for i := range all {
			all[i] = n - 1 - i
		}
		return all
	}
	for _, c := range load(t).Sampling {
		objects, background := Sampler{c.Size, c.Share}.Choose(c.Matches, backwards)
		slices.Sort(objects)
		slices.Sort(background)
		assert.Equal(t, c.Objects, objects)
		assert.Equal(t, c.Background, background)
	}
}

func TestRandomPermutations(t *testing.T) {
	next := rand.New(rand.NewPCG(1, 2)).Float64
	counts := make([]int, 5)
	for range 5000 {
		p := Random(next)(5, 3)
		require.Len(t, p, 3)
		require.NotEqual(t, p[0], p[1])
		require.NotEqual(t, p[1], p[2])
		require.NotEqual(t, p[0], p[2])
		counts[p[2]]++
	}
	for _, n := range counts {
		assert.InDelta(t, 1000, n, 130)
	}
}

func TestSuppression(t *testing.T) {
	for _, c := range load(t).Suppression {
		b, s := drawn(fmt.Sprintf("nms.%d", c.N), c.N, c.Whole), drawnScores(fmt.Sprintf("nms.scores.%d", c.N), c.N, c.Levels)
		groups := make([]int, c.N)
		for i := range groups {
			groups[i] = i % 7 % 4
		}
		assert.Equal(t, c.All, Suppress(b, s, c.Threshold), "%d boxes", c.N)
		assert.Equal(t, c.Groups, SuppressGroups(b, s, groups, c.Threshold), "%d boxes", c.N)
	}
	assert.Empty(t, SuppressGroups(nil, nil, nil, .5))
}

func TestLevels(t *testing.T) {
	want := load(t).Levels
	for i, side := range want.Sides {
		b := Box{3, 5, 3 + side, 5 + side}
		assert.Equal(t, want.Torchvision[i], Pyramid(Torchvision).Of(b), "side %v", side)
		assert.Equal(t, want.Detectron2[i], Pyramid(Detectron2).Of(b), "side %v", side)
	}
}

// proposed is what a network of the golden file says.
func proposed(counts []int) (levels []Level) {
	for k, n := range counts {
		l := Level{drawn(fmt.Sprintf("proposals.%d", k), n, false), drawnScores(fmt.Sprintf("proposals.scores.%d", k), n, 64)}
		more := golden.Fill(fmt.Sprintf("proposals.more.%d", k), seed, n)
		for i := range l.Boxes {
			for c := range l.Boxes[i] {
				l.Boxes[i][c] -= 20
			}
			l.Logits[i] = float32(l.Logits[i]*6) + more[i]/16
		}
		levels = append(levels, l)
	}
	levels[0].Boxes[5][2] = levels[0].Boxes[5][0] + 5e-4
	return levels
}

func TestProposals(t *testing.T) {
	want := load(t).Proposals
	levels := proposed(want.Counts)
	for _, c := range want.Cases {
		p := Proposals(true, Torchvision)
		p.Before, p.After = c.Before, c.After
		got, scores := p.Propose(levels, 200, 150)
		assert.Equal(t, c.Boxes, got)
		assert.InDeltaSlice(t, c.Scores, scores, 1e-6)
	}
	p := Proposals(false, Detectron2)
	got, logits := p.Propose(levels, 200, 150)
	assert.NotEmpty(t, got)
	assert.True(t, slices.IsSortedFunc(logits, func(a, b float32) int { return int(math.Copysign(1, float64(b-a))) }), "detectron2's scores are logits")
	none, _ := p.Propose(nil, 200, 150)
	assert.Empty(t, none)
}

func TestTheLargestScoresInOrder(t *testing.T) {
	for _, n := range []int{0, 1, 7, 300} {
		s := drawnScores("largest", n, 9)
		for _, k := range []int{0, 1, 5, 299, 1000} {
			assert.Equal(t, descending(s)[:min(k, n)], append([]int{}, largest(s, k)...), "%d of %d", k, n)
		}
	}
}

func BenchmarkMatchAnchors(b *testing.B) {
	var all []Box
	for l, size := range []float64{32, 64, 128, 256, 512} {
		all = append(all, Anchors{[]float64{size}, []float64{.5, 1, 2}, Torchvision}.Grid(336>>l, 200>>l, 4<<l, 4<<l)...)
	}
	objects := drawn("objects", 20, false)
	b.ReportMetric(float64(len(all)), "anchors")
	for b.Loop() {
		ProposalMatcher.Match(all, objects)
	}
}

func BenchmarkPropose(b *testing.B) {
	levels := proposed([]int{200_000, 50_000, 12_000, 3_000, 800})
	for b.Loop() {
		Proposals(true, Torchvision).Propose(levels, 200, 150)
	}
}
