// SPDX-License-Identifier: MIT

package recipe

import (
	"fmt"
	"io"
	"math"
	"strings"
	"time"
)

// Write writes the recipe as a commented experiment file for the images at source of a kind.
func (r *Recipe) Write(out io.Writer, source, kind string) error {
	_, err := io.WriteString(out, r.text(source, kind))
	return err
}

func (r *Recipe) text(source, kind string) string {
	var b strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	l := &r.Look
	p("# SwAV on the images of %s, as seer recipe chose it.", strings.ReplaceAll(source, "\n", " "))
	p("#")
	p("# Images:    %d; of %d that were looked at, the shorter side has %d to %d pixels, mostly %d; %.0f %% are grey, %d cannot be used", l.Images, l.Sample, l.ShortSide[0], l.ShortSide[2], l.ShortSide[1], 100*l.Gray, l.Bad)
	p("# Machine:   %d CPUs, %.0f GB of memory%s", r.Machine.CPUs, float64(r.Machine.Memory)/1e9, map[bool]string{true: ", a GPU", false: ""}[r.Machine.GPU])
	if r.StepMs > 0 {
		p("# Time:      about %v, by %.0f ms a step, measured; %.1f of them to read an image and cut its crops", about(r.Took), r.StepMs, r.Look.ReadMs)
	}
	p("version = 1\n")
	p("[data]\nsource = %s", quote(source))
	if kind != "" && kind != "auto" {
		p("kind = %s", quote(kind))
	}
	if r.Batch <= smallestBatch {
		p("prefetch = %d # batches are small: a few more of them wait ready", smallBatchesReady)
	}
	r.cropText(p)
	r.modelText(p)
	r.optimText(p)
	r.probeText(p)
	return b.String()
}

// smallBatchesReady are the batches that may wait for a trainer that takes each in a few milliseconds.
const smallBatchesReady = 16

func (r *Recipe) cropText(p func(string, ...any)) {
	if r.Small == 0 {
		p("\n# Two crops that predict each other's assignments; small crops would be too small to show anything.")
		p("[[crops]]\ncount = 2\nsize = %d # the images allow it, and the machine is fast enough\nscale = [0.2, 1.0]", r.Size)
	} else {
		p("\n# Two large crops, and four small ones that predict the large ones' assignments at a fifth of their cost (SEER).")
		p("[[crops]]\ncount = 2\nsize = %d # the images allow it, and the machine is fast enough\nscale = [0.14, 1.0]", r.Size)
		p("\n[[crops]]\ncount = 4\nsize = %d\nscale = [0.05, 0.14]", r.Small)
	}
	p("\n[augment]")
	colour := r.Look.Gray < .9
	switch {
	case !colour:
		p("# The images are grey: saturation, hue and the loss of colour say nothing.\ngray = 0.0")
		p("jitter = { p = 0.8, brightness = 0.4, contrast = 0.4, saturation = 0.0, hue = 0.0 }")
	case r.Size < 96:
		p("# SwAV's full-strength colours are made for photographs of 224 pixels.")
		p("jitter = { p = 0.8, brightness = 0.4, contrast = 0.4, saturation = 0.4, hue = 0.1 }")
	default:
		p("jitter = { p = 0.8, brightness = 0.8, contrast = 0.8, saturation = 0.8, hue = 0.2 }")
	}
	if r.Size < 96 {
		p("blur = { p = 0.0 } # of so few pixels a blur takes what distinguishes them")
	}
	p("mean = [%.4f, %.4f, %.4f] # of the images that were looked at", r.Look.Mean[0], r.Look.Mean[1], r.Look.Mean[2])
	p("std = [%.4f, %.4f, %.4f]", max(r.Look.Std[0], .01), max(r.Look.Std[1], .01), max(r.Look.Std[2], .01))
}

func (r *Recipe) modelText(p func(string, ...any)) {
	p("\n[model]")
	if r.Arch == Tiny {
		p("# 0.3 million parameters: images of this size need no more to begin with.")
		p("arch = \"regnet_y\"\ndepth = 6\nw0 = 32\nwa = 32.0\nwm = 2.2\ngroup_width = 16")
	} else {
		p("arch = %s # by the number of images and the machine; regnet_y_400mf and larger ones learn more from more", quote(r.Arch))
	}
	p("\n[swav]\nhidden = [%d]\nout = %d\nbatch_norm = true", r.Hidden, r.Out)
	p("prototypes = %d # by the number of images: √(images/5)", r.Prototypes)
	p("epsilon = 0.03 # 0.05 lets deeper trunks rest for long where all assignments are alike\nsinkhorn_iterations = 3")
	if r.Queue > 0 {
		p("queue_length = %d # a batch is small beside the prototypes: embeddings of the steps before join it in Sinkhorn\nqueue_start = \"10%%\"", r.Queue)
	}
	p("freeze_prototypes = \"0it\" # frozen prototypes cost short runs their start")
}

func (r *Recipe) optimText(p func(string, ...any)) {
	p("\n[optim]\nbatch = %d", r.Batch)
	p("base_lr = %g # a higher rate lowers the loss and not the error (docs/small-recipes.md)\nscaling = \"none\"", r.Rate)
	p("weight_decay = 1e-6\nadaptation = \"none\" # LARC is made for large batches")
	p("\n[schedule]\nkind = \"cosine\"\nphase = \"restart\"\nwarmup = \"5%%\"\nend_factor = 0.001")
	p("\n[train]\nduration = %s # %s", quote(r.length()), r.why())
}

// why is the reason of the length.
func (r *Recipe) why() string {
	switch {
	case float64(r.Steps) >= math.Floor(mostEpochs*r.perEpoch()):
		return "more epochs of so few images teach nothing new"
	case r.Steps < fewestSteps:
		return "as long as was asked for, and too short to learn much: take more time"
	}
	return "as long as was asked for; twice the time is better"
}

// probeText is how the run is looked at: at the size that it has learned at.
func (r *Recipe) probeText(p func(string, ...any)) {
	p("\n# How seer knn and seer linear-eval look at it, once they are told where images with labels are (knn.train, knn.val, …).")
	p("[knn]\nk = 20\ntemperature = 0.07\nresize = %d\ncrop = %d", r.resize(), r.Size)
	p("\n[linear]\nduration = \"30ep\"\nbase_lr = 0.1\nweight_decay = 0.0\nschedule = \"cosine\"\naugment = false\nresize = %d\ncrop = %d", r.resize(), r.Size)
}

// resize is the shorter side of which the middle is looked at: all of a small image, else as papers have it.
func (r *Recipe) resize() int {
	if r.Size < 96 {
		return r.Size
	}
	return r.Size * 256 / 224
}

// about rounds a time for people.
func about(seconds float64) time.Duration {
	d := time.Duration(seconds * float64(time.Second))
	if d < 2*time.Minute {
		return d.Round(time.Second)
	}
	return d.Round(time.Minute)
}

// quote writes a TOML string.
func quote(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\t", `\t`, "\r", `\r`).Replace(text) + `"`
}
