// SPDX-License-Identifier: MIT

package bench

import (
	"context"
	"errors"
	"math"
	"syscall"
	"time"

	"seer/config"
	"seer/data/augment"
	"seer/data/jpeg"
	"seer/data/loader"
	"seer/data/source"
	"seer/inputs"
	"seer/internal/cpus"
	"seer/internal/resident"
)

// LoaderOptions describe the work of [Loader].
type LoaderOptions struct {
	Data    config.Data // the source, and how it is read
	Crops   []config.Crop
	Batch   int
	Workers int     // 0: one for each CPU that the process may use
	Seconds float64 // measured, after a fifth of that which is not
	Orient  bool    // apply EXIF orientation
	Scale   bool    // decode JPEG at a fraction where every crop allows it
	Seed    uint64
}

// LoaderResult is the JSON line. The stages are milliseconds an image of one worker.
type LoaderResult struct {
	Program   string  `json:"program"`
	ImgS      float64 `json:"img_s"`
	CPUImgS   float64 `json:"cpu_img_s"` // by processor time: of one worker, what it would do undisturbed
	Images    int64   `json:"images"`
	Seconds   float64 `json:"seconds"`
	Workers   int     `json:"workers"`
	Batch     int     `json:"batch"`
	Kernels   string  `json:"kernels"` // instruction set of the crop kernels
	ReadMs    float64 `json:"read_ms"`
	DecodeMs  float64 `json:"decode_ms"`
	ResizeMs  float64 `json:"resize_ms"`
	JitterMs  float64 `json:"jitter_ms"`
	BlurMs    float64 `json:"blur_ms"`
	MBS       float64 `json:"read_mb_s"` // of encoded files
	Bad       int64   `json:"bad_images"`
	PeakRSSMB float64 `json:"peak_rss_mb"`
}

// warmup is the share of the measured time that passes before it begins: files enter the page cache, buffers grow.
const warmup = 0.2

// Loader reads, decodes and augments images with SwAV's photometric chain for some seconds, and throws the crops away.
// The data repeat from their beginning when they are few.
func Loader(ctx context.Context, o LoaderOptions) (r LoaderResult, err error) {
	if o.Workers == 0 {
		o.Workers = cpus.Workers().N
	}
	src, err := source.OpenContext(ctx, inputs.Location(o.Data))
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	order, err := inputs.Order(src, o.Data, o.Batch, o.Seed)
	if err != nil {
		return r, err
	}
	l, err := loader.New(ctx, loader.BatchOptions{
		Source: src, Sampler: order, Crops: loaderSpec(o.Crops), Decode: jpeg.DecodeOptions{Orient: o.Orient, Scale: o.Scale},
		Seed: o.Seed, Batch: o.Batch, Workers: o.Workers,
	})
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	if _, _, err := drain(ctx, l, warmup*o.Seconds); err != nil {
		return r, err
	}
	before, cpu := l.Stats(), processorTime()
	images, seconds, err := drain(ctx, l, o.Seconds)
	if err != nil {
		return r, err
	}
	r = loaderResult(before, l.Stats())
	r.ImgS, r.Images, r.Seconds = round(float64(images)/seconds), images, round(seconds)
	r.CPUImgS = round(float64(images) / max((processorTime()-cpu).Seconds(), 1e-9))
	r.Workers, r.Batch = o.Workers, o.Batch
	return r, nil
}

// processorTime is what this process has used of the processors, which other programs disturb less than the clock.
func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// drain takes whole batches for some seconds, at least one.
func drain(ctx context.Context, l *loader.Loader, seconds float64) (images int64, took float64, err error) {
	begin := time.Now()
	for images == 0 || time.Since(begin).Seconds() < seconds {
		b, err := l.Next(ctx)
		if err != nil {
			return images, 0, err
		}
		images += int64(b.Size())
		b.Release()
	}
	return images, time.Since(begin).Seconds(), nil
}

// loaderSpec is SwAV's augmentation at the asked sizes: crops of at least 160 pixels take 14 to 100 % of the area,
// smaller ones 5 to 14 %.
func loaderSpec(crops []config.Crop) augment.MultiCrop {
	var s augment.MultiCrop
	for _, c := range crops {
		low, high := .14, 1.
		if c.Size < 160 {
			low, high = .05, .14
		}
		s.Groups = append(s.Groups, augment.Views(c.Count, c.Size, low, high))
	}
	return s
}

// loaderResult is what the workers did between two moments.
func loaderResult(before, after loader.Stats) LoaderResult {
	done := float64(max(after.Images-before.Images, 1))
	ms := func(d time.Duration) float64 { return round3(d.Seconds() * 1000 / done) }
	return LoaderResult{
		Program: "seer", Kernels: jpeg.Kernels(),
		ReadMs: ms(after.Read - before.Read), DecodeMs: ms(after.Decode - before.Decode),
		ResizeMs: ms(after.Resize - before.Resize), JitterMs: ms(after.Jitter - before.Jitter), BlurMs: ms(after.Blur - before.Blur),
		MBS: round(float64(after.Bytes-before.Bytes) / 1e6 / max((after.Read-before.Read).Seconds(), 1e-9)),
		Bad: after.Replaced() - before.Replaced(), PeakRSSMB: round(float64(resident.Peak()) / (1 << 20)),
	}
}

func round3(x float64) float64 { return math.Round(x*1000) / 1000 }
