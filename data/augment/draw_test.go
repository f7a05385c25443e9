// SPDX-License-Identifier: MIT

package augment

import (
	"fmt"
	"math"
	"strings"
	"testing"
)

// The known answers of the generator's authors (Random123, kat_vectors).
func TestPhiloxKnownAnswers(t *testing.T) {
	const ones = 0xffffffff
	for _, c := range []struct {
		counter [4]uint32
		key     [2]uint32
		want    [4]uint32
	}{
		{[4]uint32{}, [2]uint32{}, [4]uint32{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
		{[4]uint32{ones, ones, ones, ones}, [2]uint32{ones, ones}, [4]uint32{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
		{[4]uint32{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, [2]uint32{0xa4093822, 0x299f31d0},
			[4]uint32{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
	} {
		if got := philox(c.counter, c.key); got != c.want {
			t.Errorf("philox(%x, %x) = %x, want %x", c.counter, c.key, got, c.want)
		}
	}
}

func TestDrawIsAFunctionOfItsArguments(t *testing.T) {
	s := SEER()
	base := s.Draw(1, 2, 3, 0, 500, 375)
	if again := s.Draw(1, 2, 3, 0, 500, 375); again != base {
		t.Errorf("drawn twice: %+v and %+v", base, again)
	}
	for name, other := range map[string]Crop{
		"seed": s.Draw(2, 2, 3, 0, 500, 375), "high seed": s.Draw(1+1<<40, 2, 3, 0, 500, 375),
		"epoch": s.Draw(1, 3, 3, 0, 500, 375), "index": s.Draw(1, 2, 4, 0, 500, 375),
		"high index": s.Draw(1, 2, 3+1<<33, 0, 500, 375), "crop": s.Draw(1, 2, 3, 1, 500, 375),
	} {
		if other == base {
			t.Errorf("another %s draws the same crop", name)
		}
	}
	all := s.Append(nil, 1, 2, 3, 500, 375)
	if len(all) != s.Crops() {
		t.Fatalf("%d crops, want %d", len(all), s.Crops())
	}
	for i, c := range all {
		if c != s.Draw(1, 2, 3, i, 500, 375) {
			t.Errorf("crop %d differs between Append and Draw", i)
		}
	}
}

// Switching one operation off must leave the others as they were.
func TestOperationsHaveTheirOwnStreams(t *testing.T) {
	with := MultiCrop{Groups: []Group{Views(1, 96, .05, .14)}}
	without := with
	without.Groups = []Group{with.Groups[0]}
	without.Groups[0].Jitter, without.Groups[0].Flip = Jitter{}, 0
	for i := range int64(50) {
		a, b := with.Draw(0, 0, i, 0, 300, 200), without.Draw(0, 0, i, 0, 300, 200)
		if a.X != b.X || a.W != b.W || a.Gray != b.Gray || a.Blur != b.Blur {
			t.Fatalf("index %d: %+v and %+v", i, a, b)
		}
	}
}

// The drawn boxes and factors follow torchvision's distributions.
func TestDistributions(t *testing.T) {
	const n, w, h = 20000, 640, 480
	s := MultiCrop{Groups: []Group{Views(1, 96, .05, .14)}}
	var area, logRatio, flips, jitters, grays, blurs, sigma, brightness, hue float64
	orders := map[[4]Op]int{}
	for i := range int64(n) {
		c := s.Draw(9, 0, i, 0, w, h)
		if c.X < 0 || c.Y < 0 || c.W < 1 || c.H < 1 || c.X+c.W > w || c.Y+c.H > h {
			t.Fatalf("box outside the image: %+v", c)
		}
		if r := float64(c.W) / float64(c.H); r < .74 || r > 1.35 {
			t.Fatalf("ratio %v", r)
		}
		area += float64(c.W*c.H) / (w * h)
		logRatio += math.Log(float64(c.W) / float64(c.H))
		flips += one(c.Flip)
		grays += one(c.Gray)
		if c.Blur > 0 {
			blurs++
			sigma += c.Blur
		}
		if c.Jitter {
			jitters++
			brightness += c.Brightness
			hue += c.Hue * c.Hue
			orders[c.Order]++
			if c.Ops != 4 {
				t.Fatalf("%d operations, want 4", c.Ops)
			}
		}
	}
	for _, c := range []struct {
		name           string
		got, want, tol float64
	}{
		{"area", area / n, .095, .001}, {"log ratio", logRatio / n, 0, .005}, {"flip", flips / n, .5, .012},
		{"jitter", jitters / n, .8, .01}, {"gray", grays / n, .2, .01}, {"blur", blurs / n, .5, .012},
		{"sigma", sigma / blurs, 1.05, .02}, {"brightness", brightness / jitters, 1, .012},
		{"hue variance", hue / jitters, .04 / 3, .0005},
	} {
		if math.Abs(c.got-c.want) > c.tol {
			t.Errorf("%s is %.4f, want %.4f within %.4f", c.name, c.got, c.want, c.tol)
		}
	}
	if len(orders) != 24 {
		t.Errorf("%d orders of the jitter, want 24", len(orders))
	}
	for o, k := range orders {
		if want := jitters / 24; math.Abs(float64(k)-want) > 6*math.Sqrt(want) {
			t.Errorf("order %v came %d times, want about %.0f", o, k, want)
		}
	}
}

func one(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// Images too narrow for any box get the largest central one, as in torchvision.
func TestFallbackBox(t *testing.T) {
	s := MultiCrop{Groups: []Group{{Count: 1, Size: 32, Scale: [2]float64{.9, 1}}}}
	for _, c := range []struct{ w, h, x, y, bw, bh int }{
		{1000, 10, 493, 0, 13, 10}, // 10 * 4/3 = 13.3
		{10, 1000, 0, 493, 10, 13}, // 10 / (3/4) = 13.3
		{1, 1, 0, 0, 1, 1},
		{1, 100, 0, 49, 1, 1},
	} {
		got := s.Draw(0, 0, 0, 0, c.w, c.h)
		if got.X != c.x || got.Y != c.y || got.W != c.bw || got.H != c.bh {
			t.Errorf("%d x %d: %+v, want box %d x %d at (%d, %d)", c.w, c.h, got, c.bw, c.bh, c.x, c.y)
		}
	}
}

// Sizes and offsets as torchvision 0.26 computes them.
func TestEvalGeometry(t *testing.T) {
	for _, c := range []struct{ resize, crop, w, h, sw, sh, x, y int }{
		{256, 224, 500, 375, 341, 256, 58, 16}, // 341.33 is cut, 58.5 rounds to even
		{256, 224, 375, 500, 256, 341, 16, 58},
		{256, 224, 640, 479, 342, 256, 59, 16},
		{32, 28, 28, 28, 32, 32, 2, 2},
		{20, 33, 41, 37, 22, 20, -5, -6}, // smaller than the crop: padded
		{0, 96, 100, 50, 192, 96, 48, 0},
		{10, 10, 1, 3000, 10, 30000, 0, 14995},
	} {
		got := Eval(c.resize, c.crop).Draw(0, 0, 0, 0, c.w, c.h)
		if got.ScaledW != c.sw || got.ScaledH != c.sh || got.OffsetX != c.x || got.OffsetY != c.y ||
			got.W != c.w || got.H != c.h || got.Flip || got.Jitter {
			t.Errorf("%+v, want %d x %d at (%d, %d)", got, c.sw, c.sh, c.x, c.y)
		}
	}
}

func TestJitterLeavesOutWhatHasNoRange(t *testing.T) {
	s := MultiCrop{Groups: []Group{{Count: 1, Size: 8, Jitter: Jitter{P: 1, Contrast: .4, Hue: .1}}}}
	for i := range int64(20) {
		c := s.Draw(0, 0, i, 0, 20, 20)
		if c.Ops != 2 || c.Brightness != 1 || c.Saturation != 1 || c.Order[0]+c.Order[1] != Contrast+Hue {
			t.Fatalf("%+v; want contrast and hue alone", c)
		}
	}
}

func TestValidate(t *testing.T) {
	if err := SEER().Validate(); err != nil {
		t.Error(err)
	}
	if err := SwAV().Validate(); err != nil {
		t.Error(err)
	}
	for want, change := range map[string]func(*Group){
		"crops an image":    func(g *Group) { g.Count = 0 },
		"count is -1":       func(g *Group) { g.Count = -1 },
		"size is 0":         func(g *Group) { g.Size = 0 },
		"resize is -3":      func(g *Group) { g.Resize = -3 },
		"kind is 9":         func(g *Group) { g.Kind = 9 },
		"scale is":          func(g *Group) { g.Scale = [2]float64{.5, .2} },
		"ratio is":          func(g *Group) { g.Ratio = [2]float64{-1, 2} },
		"flip is 1.5":       func(g *Group) { g.Flip = 1.5 },
		"gray is NaN":       func(g *Group) { g.Gray = math.NaN() },
		"jitter.hue is 0.6": func(g *Group) { g.Jitter.Hue = .6 },
		"blur.sigma is":     func(g *Group) { g.Blur.Max = 100 },
	} {
		g := Views(1, 32, .1, 1)
		change(&g)
		groups := []Group{g}
		if g.Count < 0 { // so that the sum is not what is wrong
			groups = append(groups, Views(5, 32, .1, 1))
		}
		if err := (MultiCrop{Groups: groups}).Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

func TestSizes(t *testing.T) {
	s := SEER()
	if s.Crops() != 6 || s.Bytes() != 2*224*224*3+4*96*96*3 {
		t.Errorf("%d crops, %d bytes", s.Crops(), s.Bytes())
	}
	if c := s.Draw(0, 0, 0, 5, 100, 100); c.Size != 96 || c.Bytes() != 96*96*3 {
		t.Errorf("crop 5: %+v", c)
	}
	defer func() {
		if recover() == nil {
			t.Error("a crop beyond the last one did not panic")
		}
	}()
	s.Draw(0, 0, 0, 6, 100, 100)
}

func BenchmarkAppend(b *testing.B) {
	s := SEER()
	var crops []Crop
	b.ReportAllocs()
	for b.Loop() {
		crops = s.Append(crops[:0], 1, 2, 3, 500, 375)
	}
}

func ExampleMultiCrop_Append() {
	for i, c := range SEER().Append(nil, 1, 0, 42, 500, 375) {
		fmt.Printf("crop %d: %3d x %3d at (%d, %d) -> %d, flip %v\n", i, c.W, c.H, c.X, c.Y, c.Size, c.Flip)
	}
	// Output:
	// crop 0: 216 x 231 at (123, 31) -> 224, flip false
	// crop 1: 189 x 186 at (171, 176) -> 224, flip false
	// crop 2: 141 x 137 at (113, 122) -> 96, flip true
	// crop 3: 169 x 137 at (288, 22) -> 96, flip true
	// crop 4: 128 x 155 at (83, 25) -> 96, flip false
	// crop 5: 166 x 151 at (301, 115) -> 96, flip false
}
