// SPDX-License-Identifier: MIT

package loader

import (
	"fmt"
	"io"
	"math"

	"seer/data/augment"
	"seer/data/jpeg"
	"seer/data/sampler"
	"seer/data/source"
	"seer/internal/cpus"
)

// DefaultMaxBadFraction is the share of unusable images above which a loader
// stops, if nothing else is asked for: uncurated data hold a few per cent.
const DefaultMaxBadFraction = .1

// BatchOptions say which batches a [Loader] makes.
type BatchOptions struct {
	Source  source.Source
	Sampler *sampler.Sampler   // nil: all images, shuffled by Seed
	Crops   augment.MultiCrop  // of an image
	Decode  jpeg.DecodeOptions // EXIF orientation, limit on pixels
	Seed    uint64             // of the augmentation

	// Batch is the number of images of a step on this rank. Rank and World
	// say which part of the global batch that is; World 0 means 1.
	Batch, Rank, World int
	// StartStep is the number of the first step. Steps are numbered from the
	// beginning of the run, so that a resumed run names its steps as the
	// uninterrupted one would.
	StartStep int64
	// StartPosition is the global position of the first image, for a run whose
	// global batch has changed; 0 means StartStep × Batch × World.
	StartPosition int64
	// Steps ends the stream before that step, Epochs after so many passes over
	// the data; 0 is no bound, except that Sequential makes one pass.
	Steps, Epochs int64
	// DropLast begins every epoch with a new batch and leaves out the images
	// that do not fill the last one. Without it batches run on across epochs
	// and nothing is left out.
	DropLast bool
	// Sequential delivers the images once, in order, for evaluation: the last
	// batch is short, and unusable images are left out in place of being
	// replaced, so that nothing counts twice. With several ranks all deliver
	// the same number of batches, of which the last may be empty.
	Sequential bool

	// View, if set, draws the only crop of an image of width × height in place of Crops, which says its size: what depends on
	// the shape of an image. pass is the epoch, or the number of the image's draw. Any goroutine calls it.
	View func(pass uint64, index int64, width, height int) augment.Crop

	// KeepCrops puts the geometry of all crops into the batch, for those who follow
	// something through them: boxes, or a picture of where crops were taken.
	KeepCrops bool

	// Workers is the number of goroutines that read and decode; 0 means one
	// for each CPU that the process may use. Prefetch is the number of batches made ahead; 0 means 2.
	Workers, Prefetch int

	// MaxBadFraction is the share of unusable images, among the last 5,000 to
	// 10,000 and after at least 100, above which the stream ends with an
	// error; a Sequential pass is judged at its end however short it is. 0 means [DefaultMaxBadFraction], negative allows none, 1 all.
	MaxBadFraction float64
	// Judged are the images before StartPosition that count for MaxBadFraction, in a
	// pass that goes on where another one has stopped.
	Judged Judged
	// OnBad is told of every unusable image in the order of the stream, by the
	// goroutine that calls Next. BadLog receives the same as lines of JSON.
	OnBad  func(Bad)
	BadLog io.Writer

	// Alloc and Free manage the memory of pixels, page-locked memory above
	// all; nil means Go's own. A batch takes one piece, and a loader as many
	// as there are batches in flight, which it uses again and again.
	Alloc func(n int) []byte
	Free  func([]byte)

	// Origin is where steps and epochs are counted from by a loader that follows
	// another one over a changed source; zero is the beginning of the run.
	Origin Origin
	// Pool is memory that this loader shares with those before and after it, and
	// leaves open; nil makes one of its own.
	Pool *Pool
}

// An Origin is the step at which a source begins to be read, and the number of
// its first epoch.
type Origin struct {
	Step  int64
	Epoch uint64
}

// Judged is a number of images, and of the unusable ones among them.
type Judged struct{ Images, Bad int64 }

// Check refuses what [New] refuses, before anything is started.
func (o BatchOptions) Check() error { return o.normalise() }

// normalise fills in defaults and refuses what makes no sense.
func (o *BatchOptions) normalise() error {
	if o.World == 0 {
		o.World = 1
	}
	if o.Workers == 0 {
		o.Workers = cpus.Workers().N
	}
	if o.Prefetch == 0 {
		o.Prefetch = 2
	}
	if o.MaxBadFraction == 0 {
		o.MaxBadFraction = DefaultMaxBadFraction
	}
	if o.Source == nil {
		return fmt.Errorf("data: a loader needs a source")
	}
	if o.Sampler == nil {
		o.Sampler = sampler.New(o.Source.Len(), o.Seed)
	}
	if o.Sampler.Total() != o.Source.Len() {
		return fmt.Errorf("data: the sampler is for %d images, and the source has %d", o.Sampler.Total(), o.Source.Len())
	}
	if err := o.Crops.Validate(); err != nil {
		return err
	}
	return o.checkNumbers()
}

func (o *BatchOptions) checkNumbers() error {
	for _, c := range []struct {
		name       string
		v, low, hi int64
	}{
		{"batch", int64(o.Batch), 1, 1 << 24},
		{"world", int64(o.World), 1, 1 << 24},
		{"rank", int64(o.Rank), 0, int64(o.World) - 1},
		{"workers", int64(o.Workers), 1, 4096},
		{"prefetch", int64(o.Prefetch), 1, 4096},
		{"start step", o.StartStep, 0, math.MaxInt64},
		{"start position", o.StartPosition, 0, math.MaxInt64},
		{"steps", o.Steps, 0, math.MaxInt64},
		{"epochs", o.Epochs, 0, math.MaxInt64},
	} {
		if c.v < c.low || c.v > c.hi {
			return fmt.Errorf("data: %s is %d; allowed are %d to %d", c.name, c.v, c.low, c.hi)
		}
	}
	if math.IsNaN(o.MaxBadFraction) || o.MaxBadFraction > 1 {
		return fmt.Errorf("data: the largest share of bad images is %v; allowed is at most 1", o.MaxBadFraction)
	}
	if n := o.Sampler.Len(); o.DropLast && n < int64(o.Batch)*int64(o.World) {
		return fmt.Errorf("data: %d images do not fill one batch of %d on %d ranks; make the batch smaller, or keep the last one", n, o.Batch, o.World)
	}
	if o.StartPosition != 0 && o.DropLast {
		return fmt.Errorf("data: a start position of %d with epochs of whole batches; give the start step", o.StartPosition)
	}
	return nil
}
