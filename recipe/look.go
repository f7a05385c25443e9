// SPDX-License-Identifier: MIT

// Package recipe chooses the settings of a pretraining run by the images and the machine, and says why it chose each. The
// choices are those that have worked in small (docs/small-recipes.md) and in the papers' recipes at large.
package recipe

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"seer/data/augment"
	"seer/data/jpeg"
	"seer/data/loader"
	"seer/data/sampler"
	"seer/data/source"
)

// Look is what a sample of the images is like.
type Look struct {
	Images int64 // in the source
	Sample int   // that were looked at
	Bad    int   // of these, that cannot be used
	// ShortSide are the 5th, 50th and 95th percentile of the shorter side, in pixels.
	ShortSide [3]int
	// Gray is the share of images without colour.
	Gray float64
	// ReadMs is how long an image takes to be read, decoded and cut, in milliseconds, all CPUs working.
	ReadMs float64
	// Mean and Std are those of the pixels in [0,1], a channel each.
	Mean, Std [3]float64
}

// sampleSize is the number of images that are looked at, and sampleSide the side in pixels of what is looked at of each.
const (
	sampleSize = 256
	sampleSide = 32
)

// See looks at some images of a source, the same ones each time.
func See(ctx context.Context, src source.Source, orient bool) (l Look, err error) {
	l = Look{Images: src.Len(), Sample: int(min(src.Len(), sampleSize))}
	order := sampler.New(src.Len(), 0)
	chosen := make([]int64, l.Sample)
	for i := range chosen {
		chosen[i] = order.At(0, int64(i))
	}
	some, err := sampler.List(src.Len(), chosen, 0)
	if err != nil {
		return l, err
	}
	// Of a whole image, stretched, the geometry of its crop is the image's own.
	whole := augment.MultiCrop{Groups: []augment.Group{{Kind: augment.Stretched, Count: 1, Size: sampleSide}}}
	batches, err := loader.New(ctx, loader.BatchOptions{
		Source: src, Sampler: some, Crops: whole, Decode: jpeg.DecodeOptions{Orient: orient}, Sequential: true, Batch: 32,
		KeepCrops: true, MaxBadFraction: 1, OnBad: func(loader.Bad) { l.Bad++ },
	})
	if err != nil {
		return l, err
	}
	defer func() { err = errors.Join(err, batches.Close()) }()
	var s sums
	begin := time.Now()
	for b, err := range batches.All(ctx) {
		if err != nil {
			return l, err
		}
		s.add(b)
	}
	if len(s.short) == 0 {
		return l, fmt.Errorf("none of %d images of the source could be used: seer data verify says what is wrong with them", l.Sample)
	}
	l.ReadMs = float64(time.Since(begin).Microseconds()) / 1000 / float64(l.Sample)
	s.into(&l)
	return l, nil
}

// sums collects what images are like.
type sums struct {
	short       []int
	gray        int
	total, over [3]float64 // of values, and of their squares
	pixels      float64
}

func (s *sums) add(b *loader.Batch) {
	for i := range b.Size() {
		c := b.Crops[i][0]
		s.short = append(s.short, min(c.W, c.H))
		gray := true
		pixels := b.Groups[0].Pixels[i*sampleSide*sampleSide*3:][:sampleSide*sampleSide*3]
		for at := 0; at < len(pixels); at += 3 {
			gray = gray && pixels[at] == pixels[at+1] && pixels[at] == pixels[at+2]
			for ch := range 3 {
				v := float64(pixels[at+ch]) / 255
				s.total[ch], s.over[ch] = s.total[ch]+v, s.over[ch]+v*v
			}
		}
		s.pixels += sampleSide * sampleSide
		if gray {
			s.gray++
		}
	}
}

func (s *sums) into(l *Look) {
	slices.Sort(s.short)
	for i, share := range []float64{.05, .5, .95} {
		l.ShortSide[i] = s.short[int(share*float64(len(s.short)-1)+.5)]
	}
	l.Gray = float64(s.gray) / float64(len(s.short))
	for ch := range 3 {
		mean := s.total[ch] / s.pixels
		l.Mean[ch] = mean
		l.Std[ch] = math.Sqrt(max(0, s.over[ch]/s.pixels-mean*mean))
	}
}
