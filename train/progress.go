// SPDX-License-Identifier: MIT

package train

import (
	"fmt"
	"io"
	"time"

	"github.com/schollz/progressbar/v3"

	"seer/internal/resident"
)

// Progress shows a run to people: a bar on a terminal, a line now and then elsewhere.
type Progress struct {
	program *Program
	out     io.Writer
	bar     *progressbar.ProgressBar // nil when out is no terminal
	shown   time.Time                // of the last line

	// The window since the last metrics line, and the speed that the last closed window had.
	steps, images  int64
	seconds, waits float64
	warned         bool
}

// lineEvery bounds how often a line is printed where there is no terminal.
const lineEvery = 10 * time.Second

func newProgress(run *Program) *Progress {
	p := &Progress{program: run, out: run.Out}
	if p.out == nil {
		p.out = io.Discard
	}
	if run.Terminal {
		p.bar = progressbar.NewOptions64(run.Steps, progressbar.OptionSetWriter(p.out), progressbar.OptionSetWidth(20),
			progressbar.OptionShowCount(), progressbar.OptionThrottle(200*time.Millisecond),
			progressbar.OptionSetPredictTime(true), progressbar.OptionSetElapsedTime(true), progressbar.OptionClearOnFinish())
		_ = p.bar.Set64(run.Clock.Step)
	}
	return p
}

// step counts a step and shows it.
func (p *Progress) step(e Event) {
	batch := p.program.Batch
	p.steps++
	p.images += int64(batch)
	p.seconds += e.Seconds
	p.waits += e.Waited
	text := fmt.Sprintf("loss %.4f  lr %.4g  %.0f images/s  wait %.0f %%  %.1f GB", e.Result.Loss, e.LR,
		float64(p.images)/p.seconds, 100*p.waits/p.seconds, float64(resident.Now())/(1<<30))
	p.warnSlowLoader(e)
	if p.bar != nil {
		p.bar.Describe(text)
		_ = p.bar.Set64(e.Step)
		return
	}
	if time.Since(p.shown) < lineEvery && e.Step != e.Total {
		return
	}
	p.shown = time.Now()
	left := time.Duration(float64(e.Total-e.Step) * p.seconds / (float64(p.images) / float64(batch)) * float64(time.Second))
	fmt.Fprintf(p.out, "step %d/%d  %s  %s left\n", e.Step, e.Total, text, left.Round(time.Second))
}

// warnSlowLoader says once which stage to look at when the trainer waits for more than a tenth of its time.
func (p *Progress) warnSlowLoader(e Event) {
	const enough = 50 // steps before a share means anything
	if p.warned || p.program.SlowLoader == nil || p.steps < enough || p.waits < 0.1*p.seconds {
		return
	}
	p.warned = true
	p.Clear()
	fmt.Fprintf(p.out, "warning: step %d: %.0f %% of the time goes into waiting for data; %s\n", e.Step, 100*p.waits/p.seconds, p.program.SlowLoader())
}

// window closes the time since the last call: images a second, and the share of the time spent waiting for data.
func (p *Progress) window() (speed, wait float64) {
	if p.seconds > 0 {
		speed, wait = float64(p.images)/p.seconds, p.waits/p.seconds
	}
	p.images, p.seconds, p.waits = 0, 0, 0
	return speed, wait
}

// Clear makes room for a message.
func (p *Progress) Clear() {
	if p.bar != nil {
		_ = p.bar.Clear()
	}
}

func (p *Progress) finish() {
	if p.bar != nil {
		_ = p.bar.Finish()
	}
}
