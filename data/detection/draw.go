// SPDX-License-Identifier: MIT

package detection

import (
	"errors"
	"fmt"
	"math"

	"seer/data/augment"
)

// Convention is whose rounding of sizes is followed.
type Convention int

const (
	// Torchvision is that of the input transform of torchvision's detection models, and of its ScaleJitter.
	Torchvision Convention = iota
	// TorchvisionResize is that of transforms.v2.Resize(size, max_size).
	TorchvisionResize
	// Detectron2 is that of ResizeShortestEdge and ResizeScale.
	Detectron2
)

// ShortSide resizes an image so that its shorter side has one of the lengths, chosen by chance, unless the longer one would pass
// Longest; and mirrors it by chance.
type ShortSide struct {
	Sides      []int
	Longest    int // 0: no limit
	Flip       float64
	Convention Convention
}

// Check says what is wrong with the settings.
func (s ShortSide) Check() error {
	if len(s.Sides) == 0 {
		return errors.New("detection: no length of the shorter side; [800] is usual, 640 to 800 for training")
	}
	for _, side := range s.Sides {
		if side < 1 || side > augment.MaxSize || s.Longest != 0 && s.Longest < side {
			return fmt.Errorf("detection: a shorter side of %d with a longest one of %d; sides have 1 to %d pixels, the longest is 0 or not below them", side, s.Longest, augment.MaxSize)
		}
	}
	return checkChance(s.Flip)
}

func checkChance(p float64) error {
	if !(p >= 0 && p <= 1) {
		return fmt.Errorf("detection: %v is no probability of a flip; 0 to 1 is", p)
	}
	return nil
}

// Draw chooses the view of image number index in an epoch.
func (s ShortSide) Draw(seed, epoch uint64, index int64, width, height int) View {
	next := augment.Numbers(seed, epoch, index)
	side := s.Sides[int(next()*float64(len(s.Sides)))]
	v := Whole(width, height)
	v.ScaledW, v.ScaledH = ShortSideSize(width, height, side, s.Longest, s.Convention)
	v.W, v.H = v.ScaledW, v.ScaledH
	v.Flip = next() < s.Flip
	return v
}

// ShortSideSize is the size of an image whose shorter side becomes side, and whose longer one at most longest (0: any).
func ShortSideSize(width, height, side, longest int, c Convention) (w, h int) {
	limit := math.Inf(1)
	if longest > 0 {
		limit = float64(longest)
	}
	short, long := min(width, height), max(width, height)
	var newShort, newLong int
	switch c {
	case Torchvision:
		scale := min(float64(side)/float64(short), limit/float64(long))
		newShort, newLong = int(float64(short)*scale), int(float64(long)*scale)
	case TorchvisionResize:
		newShort, newLong = side, int(float64(side*long)/float64(short))
		if float64(newLong) > limit {
			newShort, newLong = int(float64(longest*newShort)/float64(newLong)), longest
		}
	default:
		exact := float64(side) / float64(short) * float64(long)
		fit := min(1, limit/exact)
		newShort, newLong = int(float64(float64(side)*fit)+.5), int(float64(exact*fit)+.5)
	}
	newShort, newLong = max(1, newShort), max(1, newLong)
	if width <= height {
		return newShort, newLong
	}
	return newLong, newShort
}

// ScaleJitter is the large-scale jitter: an image is resized to fit a window, times a factor between Low and High; then a window
// of that size is cut out of it at a random place, or it is padded to the right and below; and mirrored by chance.
type ScaleJitter struct {
	W, H       int
	Low, High  float64
	Flip       float64
	Convention Convention
}

// LargeScaleJitter is that of the published baselines: 0.1 to 2 of 1024 × 1024.
func LargeScaleJitter(c Convention) ScaleJitter {
	return ScaleJitter{W: 1024, H: 1024, Low: .1, High: 2, Flip: .5, Convention: c}
}

// Check says what is wrong with the settings.
func (s ScaleJitter) Check() error {
	if s.W < 1 || s.H < 1 || s.W > augment.MaxSize || s.H > augment.MaxSize {
		return fmt.Errorf("detection: a window of height %d and width %d; sides have 1 to %d pixels", s.H, s.W, augment.MaxSize)
	}
	if !(s.Low > 0 && s.Low <= s.High && s.High <= 10) {
		return fmt.Errorf("detection: scales from %v to %v; 0 < low ≤ high ≤ 10 is allowed", s.Low, s.High)
	}
	return checkChance(s.Flip)
}

// Draw chooses the view of image number index in an epoch.
func (s ScaleJitter) Draw(seed, epoch uint64, index int64, width, height int) View {
	next := augment.Numbers(seed, epoch, index)
	scale := s.Low + next()*(s.High-s.Low)
	place := next() // one number for both directions, as in torchvision and detectron2
	v := Whole(width, height)
	v.ScaledW, v.ScaledH = JitterSize(width, height, s.W, s.H, scale, s.Convention)
	v.W, v.H = s.W, s.H
	v.OffsetX, v.OffsetY = s.offset(v.ScaledW-s.W, place), s.offset(v.ScaledH-s.H, place)
	v.Flip = next() < s.Flip
	return v
}

// offset is where the window begins, of what the image has too much.
func (s ScaleJitter) offset(excess int, place float64) int {
	if s.Convention == Detectron2 {
		return int(math.RoundToEven(float64(max(0, excess)) * place))
	}
	return int(float64(max(0, excess)) * place)
}

// JitterSize is the size of an image that is fitted into a window of w × h and scaled. torchvision computes in float32.
func JitterSize(width, height, w, h int, scale float64, c Convention) (scaledW, scaledH int) {
	if c == Detectron2 {
		r := min(scale*float64(h)/float64(height), scale*float64(w)/float64(width))
		scaledW, scaledH = int(math.RoundToEven(float64(width)*r)), int(math.RoundToEven(float64(height)*r))
	} else {
		r := float32(min(float64(h)/float64(height), float64(w)/float64(width))) * float32(scale)
		scaledW, scaledH = int(float32(width)*r), int(float32(height)*r)
	}
	return max(1, scaledW), max(1, scaledH)
}
