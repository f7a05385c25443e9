// SPDX-License-Identifier: MIT

package arch

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/models/sketch"
)

// golden holds the published figures of every variant: widths, groups and depths a
// stage, parameters without a classifier, multiply-adds in 10⁹ and convolution
// outputs in 10⁶ at 224 pixels, and the parameters with 1000 classes where
// torchvision or timm state them.
var golden = []struct {
	name                   string
	widths, groups, depths []int
	trunk, classifier      int64
	gmacs, acts            float64
}{
	{"regnet_y_200mf", []int{24, 56, 152, 368}, []int{3, 7, 19, 46}, []int{1, 1, 4, 7}, 2_793_996, 3_162_996, 0.199, 2.17},
	{"regnet_y_400mf", []int{48, 104, 208, 440}, []int{6, 13, 26, 55}, []int{1, 3, 6, 6}, 3_903_144, 4_344_144, 0.401, 3.89},
	{"regnet_x_400mf", []int{32, 64, 160, 400}, []int{2, 4, 10, 25}, []int{1, 2, 7, 12}, 5_094_976, 5_495_976, 0.413, 3.17},
	{"regnet_y_600mf", []int{48, 112, 256, 608}, []int{3, 7, 16, 38}, []int{1, 3, 7, 4}, 5_446_160, 6_055_160, 0.601, 4.33},
	{"regnet_y_800mf_seer", []int{64, 128, 320, 768}, []int{4, 8, 20, 48}, []int{1, 3, 8, 2}, 5_494_168, 6_263_168, 0.796, 5.25},
	{"regnet_y_800mf", []int{64, 144, 320, 784}, []int{4, 9, 20, 49}, []int{1, 3, 8, 2}, 5_647_512, 6_432_512, 0, 0},
	{"regnet_x_800mf", []int{64, 128, 288, 672}, []int{4, 8, 18, 42}, []int{1, 3, 7, 5}, 6_586_656, 7_259_656, 0.799, 5.15},
	{"regnet_x_1_6gf", []int{72, 168, 408, 912}, []int{3, 7, 17, 38}, []int{2, 4, 10, 2}, 8_277_136, 9_190_136, 1.602, 7.93},
	{"regnet_y_1_6gf", []int{48, 120, 336, 888}, []int{2, 5, 14, 37}, []int{2, 6, 17, 2}, 10_313_430, 11_202_430, 1.611, 8.04},
	{"regnet_x_3_2gf", []int{96, 192, 432, 1008}, []int{2, 4, 9, 21}, []int{2, 6, 15, 2}, 14_287_552, 15_296_552, 3.176, 11.37},
	{"regnet_y_3_2gf", []int{72, 216, 576, 1512}, []int{3, 9, 24, 63}, []int{2, 5, 13, 1}, 17_923_338, 19_436_338, 3.175, 11.26},
	{"regnet_y_4gf", []int{128, 192, 512, 1088}, []int{2, 3, 8, 17}, []int{2, 6, 12, 2}, 19_557_656, 20_646_656, 3.972, 12.29},
	{"regnet_y_6_4gf", []int{144, 288, 576, 1296}, []int{2, 4, 8, 18}, []int{2, 7, 14, 2}, 29_286_252, 30_583_252, 6.354, 16.41},
	{"regnet_y_8gf_seer", []int{168, 448, 896, 2016}, []int{3, 8, 16, 36}, []int{2, 4, 10, 1}, 37_163_068, 39_180_068, 7.961, 17.97},
	{"regnet_y_8gf", []int{224, 448, 896, 2016}, []int{4, 8, 16, 36}, []int{2, 4, 10, 1}, 37_364_472, 39_381_472, 0, 0},
	{"regnet_x_8gf", []int{80, 240, 720, 1920}, []int{1, 2, 6, 16}, []int{2, 5, 15, 1}, 37_651_648, 39_572_648, 7.993, 14.06},
	{"regnet_y_12gf", []int{224, 448, 896, 2240}, []int{2, 4, 8, 20}, []int{2, 5, 11, 1}, 49_581_544, 51_822_544, 12.090, 21.38},
	{"regnet_x_16gf", []int{256, 512, 896, 2048}, []int{2, 4, 7, 16}, []int{2, 6, 13, 1}, 52_229_536, 54_278_536, 15.939, 25.51},
	{"regnet_y_16gf", []int{224, 448, 1232, 3024}, []int{2, 4, 11, 27}, []int{2, 4, 11, 1}, 80_565_140, 83_590_140, 15.908, 23.04},
	{"regnet_x_32gf", []int{336, 672, 1344, 2520}, []int{2, 4, 8, 15}, []int{2, 7, 13, 1}, 105_290_560, 107_811_560, 31.733, 36.30},
	{"regnet_y_32gf", []int{232, 696, 1392, 3712}, []int{1, 3, 6, 16}, []int{2, 5, 12, 1}, 141_333_770, 145_046_770, 32.276, 30.26},
	{"regnet_y_64gf", []int{328, 984, 1968, 4920}, []int{1, 3, 6, 15}, []int{2, 5, 12, 1}, 276_457_786, 281_378_786, 64.065, 42.50},
	{"regnet_y_128gf", []int{528, 1056, 2904, 7392}, []int{2, 4, 11, 28}, []int{2, 7, 17, 1}, 637_419_894, 644_812_894, 127.510, 71.58},
	{"regnet_y_256gf", []int{746, 1492, 4103, 10444}, []int{2, 4, 11, 28}, []int{2, 7, 17, 1}, 1_272_156_138, 1_282_601_138, 254.374, 100.96},
	{"regnet_y_10b", []int{2020, 4040, 11110, 28280}, []int{2, 4, 11, 28}, []int{2, 7, 17, 1}, 9_323_934_872, 9_352_215_872, 1863.285, 272.70},
}

func TestVariantsMatchThePublishedTable(t *testing.T) {
	var names []string
	for _, g := range golden {
		names = append(names, g.name)
		t.Run(g.name, func(t *testing.T) {
			p, err := Lookup(g.name)
			require.NoError(t, err)
			stages, err := p.Stages()
			require.NoError(t, err)
			var widths, groups, depths []int
			for _, s := range stages {
				widths, groups, depths = append(widths, s.Width), append(groups, s.Groups), append(depths, s.Depth)
				assert.Equal(t, s.Width, s.Groups*s.GroupWidth)
				assert.Equal(t, 2, s.Stride)
			}
			assert.Equal(t, g.widths, widths)
			assert.Equal(t, g.groups, groups)
			assert.Equal(t, g.depths, depths)
			assert.Equal(t, g.trunk, p.TrunkParameters())
			assert.Equal(t, g.classifier, p.TrunkParameters()+sketch.Parameters(p.Classifier(1000)))
			assert.Equal(t, g.widths[3], p.Width())
			assert.Equal(t, 32, p.Stride())
			if g.gmacs > 0 {
				assert.InDelta(t, g.gmacs, float64(p.MACs(224))/1e9, 0.0005)
				assert.InDelta(t, g.acts, float64(p.Cost(224).Activations)/1e6, 0.005)
			}
		})
	}
	assert.ElementsMatch(t, names, Names(), "every variant has its row")
	assert.Equal(t, names, Names(), "and the names come by size")
}

func TestMACsAtOtherResolutions(t *testing.T) {
	for _, c := range []struct {
		name string
		want map[int]float64 // side to multiply-adds in 10⁹
	}{
		{"regnet_y_8gf_seer", map[int]float64{96: 1.47, 160: 4.06, 224: 7.96, 384: 23.39}},
		{"regnet_y_16gf", map[int]float64{96: 2.93, 160: 8.12, 224: 15.91, 384: 46.73}},
		{"regnet_y_32gf", map[int]float64{96: 5.94, 160: 16.47, 224: 32.28, 384: 94.82}},
		{"regnet_y_64gf", map[int]float64{96: 11.79, 160: 32.70, 224: 64.07, 384: 188.2}},
		{"regnet_y_128gf", map[int]float64{96: 23.49, 160: 65.10, 224: 127.5, 384: 374.6}},
		{"regnet_y_256gf", map[int]float64{96: 46.86, 160: 129.9, 224: 254.4, 384: 747.2}},
		{"regnet_y_10b", map[int]float64{96: 343.2, 160: 951.3, 224: 1863, 384: 5473}},
	} {
		p, err := Lookup(c.name)
		require.NoError(t, err)
		for size, want := range c.want {
			assert.InEpsilon(t, want, float64(p.MACs(size))/1e9, 0.003, "%s at %d", c.name, size)
		}
	}
}

// The squeeze takes a quarter of the block's input, rounded half to even.
func TestSqueezeWidths(t *testing.T) {
	for _, c := range []struct {
		name string
		want []int // of the first block of each stage, then of a later block of stages 1 to 3
	}{
		{"regnet_y_400mf", []int{8, 12, 26, 52, 0, 26, 52}},
		{"regnet_y_128gf", []int{8, 132, 264, 726, 132, 264, 726}},
		{"regnet_y_256gf", []int{8, 186, 373, 1026, 186, 373, 1026}},
		{"regnet_y_10b", []int{8, 505, 1010, 2778, 505, 1010, 2778}},
	} {
		p, err := Lookup(c.name)
		require.NoError(t, err)
		blocks, err := p.Blocks()
		require.NoError(t, err)
		got := make([]int, 7)
		for _, b := range blocks {
			if b.Index == 0 {
				got[b.Stage-1] = b.SE
			} else if b.Stage <= 3 {
				got[b.Stage+3] = b.SE
			}
		}
		assert.Equal(t, c.want, got, c.name)
	}
}

func TestBlocks(t *testing.T) {
	p, err := Lookup("regnet_y_400mf")
	require.NoError(t, err)
	blocks, err := p.Blocks()
	require.NoError(t, err)
	require.Len(t, blocks, 16)
	assert.Equal(t, Block{In: 32, Out: 48, Bottleneck: 48, Groups: 6, Stride: 2, SE: 8, Project: true, Stage: 1}, blocks[0])
	assert.Equal(t, Block{In: 48, Out: 104, Bottleneck: 104, Groups: 13, Stride: 2, SE: 12, Project: true, Stage: 2}, blocks[1])
	assert.Equal(t, Block{In: 104, Out: 104, Bottleneck: 104, Groups: 13, Stride: 1, SE: 26, Stage: 2, Index: 1}, blocks[2])
	for i := 1; i < len(blocks); i++ {
		assert.Equal(t, blocks[i-1].Out, blocks[i].In, "block %d continues the one before", i)
	}
}

func TestRoundings(t *testing.T) {
	for _, c := range []struct{ width, group, divisible, nearest int }{
		{168, 56, 168, 168}, // already fits
		{24, 56, 24, 24},    // the group shrinks to the width
		{136, 16, 144, 128}, // 8.5 groups: a tie goes up, and to the even number
		{192, 56, 224, 168}, // 3 groups would lose an eighth of the width
		{640, 373, 746, 746},
		{100, 72, 144, 72}, // 1 group would lose over a tenth
	} {
		p := Params{GroupWidth: c.group}
		assert.Equal(t, c.divisible, p.stage(c.width).Width, "divisible %v", c)
		p.Rounding = Nearest
		assert.Equal(t, c.nearest, p.stage(c.width).Width, "nearest %v", c)
	}
}

func TestResolutions(t *testing.T) {
	p, err := Lookup("regnet_y_400mf")
	require.NoError(t, err)
	assert.Equal(t, []int{112, 56, 28, 14, 7}, p.Resolutions(224))
	assert.Equal(t, []int{48, 24, 12, 6, 3}, p.Resolutions(96))
	assert.Equal(t, []int{15, 8, 4, 2, 1}, p.Resolutions(29), "any size: halves round up")
	assert.Equal(t, []int{1, 1, 1, 1, 1}, p.Resolutions(1))
}

// A small custom trunk has as many stages as its parameters ask for.
func TestCustomParams(t *testing.T) {
	p := Params{Depth: 6, W0: 32, WA: 32, WM: 2.2, GroupWidth: 16}
	stages, err := p.Stages()
	require.NoError(t, err)
	assert.Equal(t, []Stage{{1, 32, 2, 16, 2}, {2, 80, 5, 16, 2}, {3, 160, 10, 16, 2}}, stages)
	assert.Equal(t, 16, p.Stride())
	assert.Equal(t, 160, p.Width())
	one := Params{Depth: 1, W0: 8, WM: 2, GroupWidth: 8, SERatio: 0.5, StemWidth: 4}
	assert.Equal(t, 8, one.Width())
	blocks, err := one.Blocks()
	require.NoError(t, err)
	assert.Equal(t, 2, blocks[0].SE)
}

func TestInvalidParams(t *testing.T) {
	good := Params{Depth: 16, W0: 48, WA: 27.89, WM: 2.09, GroupWidth: 8}
	for _, c := range []struct {
		change func(*Params)
		want   string
	}{
		{func(p *Params) { p.Depth = 0 }, "depth = 0: must be 1 to 256 blocks"},
		{func(p *Params) { p.Depth = 1000 }, "depth = 1000"},
		{func(p *Params) { p.W0 = 44 }, "w0 = 44: must be a positive multiple of 8"},
		{func(p *Params) { p.WA = -1 }, "wa = -1"},
		{func(p *Params) { p.WA = math.NaN() }, "wa = NaN"},
		{func(p *Params) { p.WM = 1 }, "wm = 1: must be over 1"},
		{func(p *Params) { p.WM = math.Inf(1) }, "wm = +Inf"},
		{func(p *Params) { p.GroupWidth = 0 }, "group_width = 0"},
		{func(p *Params) { p.SERatio = 2 }, "se_ratio = 2"},
		{func(p *Params) { p.StemWidth = -1 }, "stem_width = -1"},
		{func(p *Params) { p.Rounding = 7 }, "rounding = 7"},
		{func(p *Params) { p.WA = 1e9 }, "channels wide"},
	} {
		p := good
		c.change(&p)
		_, err := p.Stages()
		assert.ErrorContains(t, err, c.want)
		_, err = p.Blocks()
		assert.ErrorContains(t, err, c.want)
	}
	err := Params{}.Validate()
	for _, name := range []string{"depth", "w0", "wm", "group_width"} {
		assert.ErrorContains(t, err, name, "all problems are reported at once")
	}
	assert.Panics(t, func() { Params{}.Width() }, "counts of invalid parameters are a mistake in the code")
}

func TestLookupNamesTheNearest(t *testing.T) {
	_, err := Lookup("regnety_16gf")
	assert.ErrorContains(t, err, `unknown architecture "regnety_16gf"; that is regnet_y_16gf`)
	_, err = Lookup("resnet50")
	assert.ErrorContains(t, err, "allowed: regnet_y_200mf")
	_, err = Lookup("")
	assert.ErrorContains(t, err, "allowed: regnet_y_200mf")
}

func FuzzStages(f *testing.F) {
	f.Add(16, 48, 27.89, 2.09, 8, 0)
	f.Add(27, 640, 230.83, 2.53, 373, 1)
	f.Add(6, 32, 32.0, 2.2, 16, 0)
	f.Fuzz(func(t *testing.T, depth, w0 int, wa, wm float64, group, rounding int) {
		p := Params{Depth: depth, W0: w0, WA: wa, WM: wm, GroupWidth: group, Rounding: Rounding(rounding)}
		stages, err := p.Stages()
		if err != nil {
			return
		}
		blocks := 0
		for _, s := range stages {
			if s.Width < 1 || s.Groups*s.GroupWidth != s.Width || s.Depth < 1 {
				t.Fatalf("%+v: bad stage %+v", p, s)
			}
			blocks += s.Depth
		}
		if blocks != depth {
			t.Fatalf("%+v: %d blocks", p, blocks)
		}
		if p.TrunkParameters() <= 0 || p.MACs(32) <= 0 {
			t.Fatalf("%+v: counts overflow", p)
		}
	})
}
