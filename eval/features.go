// SPDX-License-Identifier: MIT

package eval

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"seer/data/augment"
	"seer/data/jpeg"
	"seer/data/loader"
	"seer/data/sampler"
	"seer/data/source"
	"seer/torch"
)

// Images are what features are computed of.
type Images struct {
	Source  source.Source
	Sampler *sampler.Sampler // a subset; nil means all images
	Resize  int              // short side, pixels
	Crop    int              // centre crop, pixels: the input size
	Batch   int              // images that are decoded together
	Workers int              // 0 means one for each CPU that the process may use
	Bicubic bool             // resize so, not bilinearly
	Orient  bool             // turn images as their EXIF tag says
	// MaxBadFraction of images that cannot be read, over which the pass fails; 0 means the loader's default.
	MaxBadFraction float64
	// Start is the image to begin with, in a pass that goes on where another one has stopped, and Bad the number of those
	// before it that were left out.
	Start, Bad int64

	OnBad    func(loader.Bad)        // told of every image that is left out; may be nil
	Progress func(done, total int64) // called at the start and after every batch; may be nil
}

// Len is the number of images asked for.
func (im *Images) Len() int64 {
	if im.Sampler != nil {
		return im.Sampler.Len()
	}
	return im.Source.Len()
}

// loader makes centre crops once, in order (torchvision's Resize and CenterCrop on PIL images).
func (im *Images) loader(ctx context.Context) (*loader.Loader, error) {
	crops := augment.Eval(im.Resize, im.Crop)
	crops.Groups[0].Bicubic = im.Bicubic
	return loader.New(ctx, loader.BatchOptions{
		Source: im.Source, Sampler: im.Sampler, Crops: crops, Decode: jpeg.DecodeOptions{Orient: im.Orient},
		StartPosition: im.Start, Judged: loader.Judged{Images: im.Start, Bad: im.Bad},
		Batch: im.Batch, Workers: im.Workers, Sequential: true, MaxBadFraction: im.MaxBadFraction, OnBad: im.OnBad,
	})
}

// Each computes the features of all images in order and hands them on batch by batch: float32 [n,Width] on the
// backbone's device, valid during the call. Images that cannot be read are left out.
func (b *Backbone) Each(ctx context.Context, im Images, use func(batch *loader.Batch, features *torch.Tensor) error) error {
	return torch.OnThread(b.Threads, func() error { return b.each(ctx, im, use) })
}

func (b *Backbone) each(ctx context.Context, im Images, use func(batch *loader.Batch, features *torch.Tensor) error) (err error) {
	l, err := im.loader(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	done := im.Start
	if im.Progress != nil {
		im.Progress(done, im.Len())
	}
	for batch, err := range l.All(ctx) {
		if err != nil {
			return err
		}
		if err := b.batch(ctx, im.Source, batch, use); err != nil {
			return err
		}
		done += int64(batch.Size() + len(batch.Bad))
		if im.Progress != nil {
			im.Progress(done, im.Len())
		}
	}
	return nil
}

func (b *Backbone) batch(ctx context.Context, src source.Source, batch *loader.Batch, use func(*loader.Batch, *torch.Tensor) error) error {
	scope := torch.NewScope()
	defer scope.Close()
	features, err := b.BatchFeatures(ctx, src, batch)
	if err != nil {
		return err
	}
	return use(batch, features)
}

// BatchFeatures computes the features of a batch and refuses those that are not finite.
func (b *Backbone) BatchFeatures(ctx context.Context, src source.Source, batch *loader.Batch) (*torch.Tensor, error) {
	features, err := b.Features(ctx, pixelsOf(batch))
	if err != nil {
		return nil, fmt.Errorf("features of images %s: %w", span(batch), err)
	}
	finite := false
	if err := torch.Try(func() { finite = features.IsFinite().All().Item() != 0 }); err != nil {
		return nil, err
	}
	if !finite {
		return nil, b.notFinite(src, batch, features)
	}
	return features, nil
}

// namedImages is how many images an error names.
const namedImages = 3

// notFinite says which images have features that are no numbers. The weights were finite when they were read.
func (b *Backbone) notFinite(src source.Source, batch *loader.Batch, features *torch.Tensor) error {
	var rows []float32
	if err := torch.Try(func() { rows = features.ToDevice(torch.CPU).Float32s() }); err != nil {
		return err
	}
	var names []string
	count, width := 0, len(rows)/batch.Size()
	for i, index := range batch.Indices {
		if !finite(rows[i*width : (i+1)*width]) {
			if count++; count <= namedImages {
				names = append(names, src.Name(index))
			}
		}
	}
	if count > namedImages {
		names = append(names, "…")
	}
	advice := "the trunk overflows: are weights, normalisation and architecture those that belong together?"
	if b.Precision == torch.Float16 {
		advice = "fp16 ends at 65504, which the trunk exceeds: use bf16 or fp32"
	}
	return fmt.Errorf("features of %d of %d images are not finite (%s): %s", count, batch.Size(), strings.Join(names, ", "), advice)
}

func finite(row []float32) bool {
	for _, v := range row {
		if v-v != 0 { // NaN for NaN and infinities
			return false
		}
	}
	return true
}

// span names the images of a batch for an error.
func span(batch *loader.Batch) string {
	return fmt.Sprintf("%d to %d", batch.Indices[0], batch.Indices[batch.Size()-1])
}

// pixelsOf copies the only crop of each image: uint8 [n,S,S,3].
func pixelsOf(batch *loader.Batch) *torch.Tensor {
	g := batch.Groups[0]
	side := int64(g.Size)
	return torch.FromBytes(g.Pixels, torch.UInt8, int64(batch.Size()), side, side, 3)
}

// Features are the pooled features of a set of images, in host memory.
type Features struct {
	X       *torch.Tensor // float32 [n,Width]
	Labels  []int64       // n; -1 without a label
	Indices []int64       // n: position in the source
}

// Len is n.
func (f *Features) Len() int64 { return int64(len(f.Labels)) }

// CheckLabels makes a label out of range an error that names the image.
func (f *Features) CheckLabels(classes int) error {
	for i, label := range f.Labels {
		if label < 0 || label >= int64(classes) {
			return fmt.Errorf("image %d has label %d; with %d classes 0 to %d are allowed", f.Indices[i], label, classes, classes-1)
		}
	}
	return nil
}

// Labels are the classes of images of a source; one out of range is an error that names the image.
func Labels(src source.Source, indices []int64, classes int) ([]int64, error) {
	labels := make([]int64, len(indices))
	for i, index := range indices {
		labels[i] = int64(src.Label(index))
	}
	return labels, (&Features{Labels: labels, Indices: indices}).CheckLabels(classes)
}

// Close frees the memory.
func (f *Features) Close() { f.X.Close() }

// Extract computes the features of all images once and keeps them: 4·n·Width bytes. The caller closes them.
func (b *Backbone) Extract(ctx context.Context, im Images) (*Features, error) {
	f := &Features{}
	var all *torch.Tensor
	if err := torch.Try(func() {
		all = torch.Empty(torch.Float32, torch.CPU, im.Len(), b.Width()).Release()
	}); err != nil {
		return nil, fmt.Errorf("keeping the features of %d images of width %d: %w", im.Len(), b.Width(), err)
	}
	defer all.Close()
	err := b.Each(ctx, im, func(batch *loader.Batch, features *torch.Tensor) error {
		all.Narrow(0, f.Len(), int64(batch.Size())).CopyInPlace(features)
		for _, i := range batch.Indices {
			f.Labels = append(f.Labels, int64(im.Source.Label(i)))
		}
		f.Indices = append(f.Indices, batch.Indices...)
		return nil
	})
	if err != nil {
		return nil, err
	}
	f.X = all.Narrow(0, 0, f.Len()).Release()
	return f, nil
}
