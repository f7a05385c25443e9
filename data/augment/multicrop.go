// SPDX-License-Identifier: MIT

package augment

import (
	"errors"
	"fmt"
)

// Kind says how a group cuts its view out of the image.
type Kind uint8

const (
	// RandomResized is torchvision's RandomResizedCrop: a random box of random
	// area and aspect ratio, resized to Size x Size.
	RandomResized Kind = iota
	// Centered is torchvision's Resize(Resize) followed by CenterCrop(Size):
	// nothing in it is random.
	Centered
	// Stretched resizes the whole image to Size x Size, ignoring its aspect
	// ratio; with an image that already has that size it changes nothing.
	Stretched
)

// Jitter is torchvision's ColorJitter applied with probability P. The other
// fields are half-widths: a brightness of .8 draws the factor from [.2, 1.8]; a
// hue of .2 draws the shift from [-.2, .2] turns. A zero field leaves its
// operation out, as torchvision does.
type Jitter struct {
	P          float64
	Brightness float64
	Contrast   float64
	Saturation float64
	Hue        float64
}

// Blur is PIL's GaussianBlur with probability P and a radius (PIL's word for
// the standard deviation, in output pixels) uniform in [Min, Max].
type Blur struct {
	P        float64
	Min, Max float64
}

// Group describes Count crops drawn independently from the same distribution.
type Group struct {
	Kind   Kind
	Count  int        // crops an image
	Size   int        // side of the square output, pixels
	Resize int        // Centered only: length of the shorter side after resizing; 0 = Size
	Scale  [2]float64 // RandomResized: area of the box as a share of the image's; zero value = [.08, 1]
	Ratio  [2]float64 // RandomResized: width / height of the box; zero value = [3/4, 4/3]
	// Bicubic resizes with Keys' cubic filter of a = -0.5, as PIL's BICUBIC; otherwise bilinear.
	Bicubic bool
	Flip    float64 // probability of a horizontal flip
	Jitter  Jitter
	Gray    float64 // probability of conversion to grey
	Blur    Blur
}

// MultiCrop is the full augmentation of one image, one crop or many: the groups in the order in which
// their crops are numbered.
type MultiCrop struct {
	Groups []Group
}

// Crops returns the number of crops an image yields.
func (s MultiCrop) Crops() int {
	n := 0
	for _, g := range s.Groups {
		n += g.Count
	}
	return n
}

// Bytes returns the size of all crops of one image as uint8 RGB.
func (s MultiCrop) Bytes() int {
	n := 0
	for _, g := range s.Groups {
		n += g.Count * g.Size * g.Size * 3
	}
	return n
}

// group returns the group that crop number crop belongs to.
func (s MultiCrop) group(crop int) Group {
	n := crop
	for _, g := range s.Groups {
		if n < g.Count {
			return g
		}
		n -= g.Count
	}
	panic(fmt.Sprintf("augment: crop %d of %d", crop, s.Crops()))
}

// Views returns n crops of the given size and area range with SwAV's
// photometric chain: flip .5, jitter .8/.8/.8/.2 with probability .8, grey with
// .2, blur of radius .1 to 2 with .5.
func Views(n, size int, minScale, maxScale float64) Group {
	return Group{
		Count: n, Size: size, Scale: [2]float64{minScale, maxScale},
		Flip:   .5,
		Jitter: Jitter{P: .8, Brightness: .8, Contrast: .8, Saturation: .8, Hue: .2},
		Gray:   .2,
		Blur:   Blur{P: .5, Min: .1, Max: 2},
	}
}

// SwAV is the multi-crop of the SwAV paper: 2x224 and 6x96.
func SwAV() MultiCrop {
	return MultiCrop{Groups: []Group{Views(2, 224, .14, 1), Views(6, 96, .05, .14)}}
}

// SEER is the multi-crop of SEER's models up to 1.5B parameters: 2x224 and 4x96.
func SEER() MultiCrop {
	return MultiCrop{Groups: []Group{Views(2, 224, .14, 1), Views(4, 96, .05, .14)}}
}

// Eval resizes the shorter side to resize and cuts the central crop x crop.
func Eval(resize, crop int) MultiCrop {
	return MultiCrop{Groups: []Group{{Kind: Centered, Count: 1, Size: crop, Resize: resize}}}
}

// RandomResizedCropFlip is the usual training transform of a supervised probe:
// a random box of 8 to 100 % of the area, flipped every other time.
func RandomResizedCropFlip(size int) MultiCrop {
	return MultiCrop{Groups: []Group{{Count: 1, Size: size, Scale: [2]float64{.08, 1}, Flip: .5}}}
}

// scale returns the area range with torchvision's default filled in.
func (g Group) scale() [2]float64 {
	if g.Scale == [2]float64{} {
		return [2]float64{.08, 1}
	}
	return g.Scale
}

// ratio returns the aspect range with torchvision's default filled in.
func (g Group) ratio() [2]float64 {
	if g.Ratio == [2]float64{} {
		return [2]float64{3. / 4, 4. / 3}
	}
	return g.Ratio
}

// MaxSize is the largest output side that a group may ask for. The kernels keep
// a few bytes of working memory for every output pixel.
const MaxSize = 4096

// MaxBlur is the largest blur radius: the box blurs behind it stay within 16-bit
// sums up to there.
const MaxBlur = 40

// MaxRatio bounds the aspect of a box, and one over it.
const MaxRatio = 100

// MaxJitter bounds the half-widths of brightness, contrast and saturation.
const MaxJitter = 100

// MaxBytes bounds the crops of one image: two hundred of 1024 pixels stay within it. More is a typing error, and would
// take a machine's memory batch by batch.
const MaxBytes = 1 << 30

// Problem is a field of a [MultiCrop] that makes no sense.
type Problem struct {
	Group   int    // its index; -1 for the groups together
	Field   string // "size", "jitter.hue", "blur.sigma", …; "" for the groups together
	Value   any
	Allowed string
}

func (p Problem) String() string {
	if p.Group < 0 {
		return fmt.Sprintf("augment: the groups ask for %v; %s", p.Value, p.Allowed)
	}
	return fmt.Sprintf("augment: group %d: %s is %v; allowed: %s", p.Group, p.Field, p.Value, p.Allowed)
}

// Validate reports the first of the [MultiCrop.Problems].
func (s MultiCrop) Validate() error {
	for _, p := range s.Problems() {
		return errors.New(p.String())
	}
	return nil
}

// Problems lists everything that makes no sense. These are the only rules about crops and colours: configurations and
// command lines are checked by them too.
func (s MultiCrop) Problems() []Problem {
	var all []Problem
	count, bytes := 0., 0.
	for i, g := range s.Groups {
		for _, p := range g.problems() {
			p.Group = i
			all = append(all, p)
		}
		count += float64(g.Count)
		bytes += float64(g.Count) * float64(g.Size) * float64(g.Size) * 3
	}
	if len(all) > 0 {
		return all
	}
	if count < 1 {
		all = append(all, Problem{-1, "", "0 crops an image", "at least 1 is needed"})
	}
	if bytes > MaxBytes {
		all = append(all, Problem{-1, "", fmt.Sprintf("%.0f crops an image, %.4g bytes in all", count, bytes), fmt.Sprintf("at most %d bytes are allowed", MaxBytes)})
	}
	return all
}

func (g Group) problems() (all []Problem) {
	refuse := func(bad bool, field string, value any, allowed string, args ...any) {
		if bad {
			all = append(all, Problem{Field: field, Value: value, Allowed: fmt.Sprintf(allowed, args...)})
		}
	}
	refuse(g.Kind > Stretched, "kind", g.Kind, "0 (random resized), 1 (centred), 2 (stretched)")
	refuse(g.Count < 0, "count", g.Count, "0 or more")
	refuse(g.Size < 1 || g.Size > MaxSize, "size", g.Size, "1 to %d", MaxSize)
	refuse(g.Resize < 0 || g.Resize > MaxSize, "resize", g.Resize, "0 (same as size) to %d", MaxSize)
	sc, ra := g.scale(), g.ratio()
	refuse(!(sc[0] > 0 && sc[0] <= sc[1] && sc[1] <= 1), "scale", sc, "[low, high] with 0 < low ≤ high ≤ 1")
	refuse(!(ra[0] > 0 && ra[0] <= ra[1] && ra[1] <= MaxRatio), "ratio", ra, "[low, high] with 0 < low ≤ high ≤ %d", MaxRatio)
	for _, p := range []struct {
		name     string
		v, limit float64
	}{
		{"flip", g.Flip, 1}, {"gray", g.Gray, 1}, {"jitter.p", g.Jitter.P, 1}, {"blur.p", g.Blur.P, 1},
		{"jitter.brightness", g.Jitter.Brightness, MaxJitter}, {"jitter.contrast", g.Jitter.Contrast, MaxJitter},
		{"jitter.saturation", g.Jitter.Saturation, MaxJitter}, {"jitter.hue", g.Jitter.Hue, .5},
	} {
		refuse(!(p.v >= 0 && p.v <= p.limit), p.name, p.v, "0 to %v", p.limit)
	}
	b := g.Blur
	refuse(b != (Blur{}) && !(b.Min > 0 && b.Min <= b.Max && b.Max <= MaxBlur), "blur.sigma", [2]float64{b.Min, b.Max},
		"[low, high] with 0 < low ≤ high ≤ %d pixels", MaxBlur)
	return all
}
