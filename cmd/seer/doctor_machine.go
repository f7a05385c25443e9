// SPDX-License-Identifier: MIT

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"strings"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/sys/unix"

	"seer/bench"
	"seer/config"
	"seer/data/jpeg"
	"seer/internal/cpus"
	"seer/internal/release"
	"seer/internal/resident"
	"seer/torch"
)

func checkLibtorch(context.Context, *cli.Context) finding {
	where := "an unknown place"
	if maps, err := os.ReadFile("/proc/self/maps"); err == nil {
		for line := range strings.Lines(string(maps)) {
			if i := strings.IndexByte(line, '/'); i >= 0 && strings.Contains(line, "libtorch_cpu.so") {
				where = strings.TrimSpace(line[i:])
				break
			}
		}
	}
	return finding{what: "libtorch", text: fmt.Sprintf("%s from %s; seer %s", torch.Version(), where, release.Version)}
}

// checkDevice is about GPUs: without one everything works, unless --device asks for it.
func checkDevice(_ context.Context, c *cli.Context) finding {
	const what = "device"
	dev, err := torch.ParseDevice(c.String("device"))
	if err != nil {
		return failed(what, err, "install libtorch's CUDA part (SEER_CUDA=1 ./build.sh) and a driver for CUDA 13, or use --device cpu")
	}
	if err := torch.CUDAStatus(); err != nil {
		return finding{what: what, text: fmt.Sprintf("%v; no GPU: %v", dev, err)}
	}
	return finding{what: what, text: fmt.Sprintf("%v; %d GPU(s)", dev, torch.CUDACount())}
}

// checkCPU says how many CPUs may be used and what the zeros of an experiment mean here, each with its origin.
func checkCPU(context.Context, *cli.Context) finding {
	available, threads, workers := cpus.Available(), cpus.Threads(), cpus.Workers()
	f := finding{what: "processor", text: fmt.Sprintf("%v CPUs; run.threads = 0 means %v, data.workers = 0 means %v; crop kernels %s",
		available, threads, workers, jpeg.Kernels())}
	switch {
	case threads.N > available.N:
		f.advice = fmt.Sprintf("%s asks for more threads than there are CPUs: they will wait for each other; unset it, or set run.threads", threads.From)
	case available.From == "GOMAXPROCS":
		f.advice = "GOMAXPROCS leaves CPUs to others; unset it to let threads and workers use all"
	}
	return f
}

// needMemory is what a small trunk takes with its libraries.
const needMemory = 1 << 30

func checkMemory(context.Context, *cli.Context) finding {
	const what = "memory"
	total, free, err := resident.Machine()
	if err != nil {
		return failed(what, err, "/proc must be mounted")
	}
	f := finding{what: what, text: fmt.Sprintf("%s in all, %s free", gigabytes(total), gigabytes(free))}
	if free < needMemory {
		f.bad, f.advice = true, "at least 1 GB must be free: stop other programs, or use a machine with more"
	}
	return f
}

func gigabytes(n int64) string { return fmt.Sprintf("%.1f GB", float64(n)/1e9) }

func checkDisk(ctx context.Context, c *cli.Context) finding {
	const what = "disk"
	dir := c.String("dir")
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return failed(what, fmt.Errorf("--dir %s is no folder (%v)", dir, err), "name the folder that run folders will be made in: --dir DIR")
	}
	write, read, err := diskSpeed(ctx, dir, int64(c.Int("disk-mb"))<<20)
	if err != nil {
		return failed(what, err, "run folders need a folder that can be written, with room for checkpoints: --dir DIR")
	}
	text := fmt.Sprintf("%s: writes %.0f MB/s (synced), reads %.0f MB/s", dir, write, read)
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err == nil {
		text += ", " + gigabytes(int64(s.Bavail)*s.Bsize) + " free"
	}
	f := finding{what: what, text: text}
	if write < 20 {
		f.advice = "checkpoints of large models will take minutes; raise run.checkpoint_every, or choose a faster disk"
	}
	return f
}

// diskSpeed writes a file of noise, syncs it, asks the kernel to forget it, reads it again, and removes it.
func diskSpeed(ctx context.Context, dir string, size int64) (write, read float64, err error) {
	f, err := os.CreateTemp(dir, ".seer-doctor-*")
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(f.Name())) }()
	piece := make([]byte, 1<<20)
	rng := rand.NewChaCha8([32]byte{})
	_, _ = rng.Read(piece) // never fails; noise, because some file systems compress
	begin := time.Now()
	for done := int64(0); done < size; done += int64(len(piece)) {
		if _, err := f.Write(piece); err != nil || ctx.Err() != nil {
			return 0, 0, errors.Join(err, context.Cause(ctx))
		}
	}
	if err := f.Sync(); err != nil {
		return 0, 0, err
	}
	write = float64(size) / 1e6 / time.Since(begin).Seconds()
	_ = unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED) // a hint; without it the figure is memory's
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return 0, 0, err
	}
	begin = time.Now()
	for {
		if _, err := io.ReadFull(f, piece); err != nil || ctx.Err() != nil {
			if err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) {
				break
			}
			return 0, 0, errors.Join(err, context.Cause(ctx))
		}
	}
	return write, float64(size) / 1e6 / time.Since(begin).Seconds(), nil
}

// checkStep trains for a moment: kernels of every kind run, forward and backward.
func checkStep(_ context.Context, c *cli.Context) finding {
	const what = "training"
	if _, err := torch.ParseDevice(c.String("device")); err != nil {
		return finding{what: what, bad: true, text: "not tried: no device"}
	}
	crops, err := parseCrops("2x64")
	if err != nil {
		return failed(what, err, "")
	}
	r, err := bench.Step(bench.StepOptions{
		Model: config.Model{Arch: "regnet_y_200mf"}, Batch: 8, Crops: crops, Hidden: []int{64}, Out: 32, Prototypes: 30,
		Precision: "fp32", Device: c.String("device"), Steps: 2,
	})
	if err == nil && (math.IsNaN(r.Loss) || math.IsInf(r.Loss, 0)) {
		err = fmt.Errorf("the loss is %v", r.Loss)
	}
	if err != nil {
		return failed(what, err, "libtorch does not work here: build again with ./build.sh clean --all && ./build.sh")
	}
	return finding{what: what, text: fmt.Sprintf("a SwAV step of a small trunk works on %s: loss %.3f, %.0f ms", r.Device, r.Loss, r.MsMedian)}
}
