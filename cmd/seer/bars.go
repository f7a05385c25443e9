// SPDX-License-Identifier: MIT

package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/urfave/cli/v2"
	"golang.org/x/term"
)

// bars shows long work stage by stage: a progress bar on a terminal, and elsewhere a line now and then, so that a log
// file stays readable. At a stage's end one line says how much it did, and how fast.
type bars struct {
	out      io.Writer
	terminal bool

	stage        string
	begin, shown time.Time // a stage begins when the one before ends, or with the bars
	done, total  int64
	bar          *progressbar.ProgressBar
}

func newBars(c *cli.Context) *bars {
	return &bars{begin: time.Now(), out: c.App.ErrWriter, terminal: term.IsTerminal(int(os.Stderr.Fd()))}
}

// lineEvery bounds how often a line is printed where there is no terminal.
const lineEvery = 10 * time.Second

// update moves a stage; another name than before begins a new one. A total below 0 is not known.
func (b *bars) update(stage string, done, total int64) {
	if stage != b.stage {
		b.finish()
		b.stage, b.shown = stage, time.Now()
		if b.terminal {
			b.bar = progressbar.NewOptions64(total, progressbar.OptionSetWriter(b.out), progressbar.OptionSetDescription(stage),
				progressbar.OptionShowCount(), progressbar.OptionShowIts(), progressbar.OptionSetItsString("/s"),
				progressbar.OptionSetWidth(20), progressbar.OptionThrottle(200*time.Millisecond),
				progressbar.OptionSetPredictTime(true), progressbar.OptionClearOnFinish())
		}
	}
	b.done, b.total = done, total
	if b.bar != nil {
		_ = b.bar.Set64(done)
		return
	}
	if time.Since(b.shown) >= lineEvery {
		b.shown = time.Now()
		fmt.Fprintf(b.out, "%s: %d%s\n", stage, done, of(total))
	}
}

// of names a total, where it is known.
func of(total int64) string {
	if total < 0 {
		return ""
	}
	return fmt.Sprintf(" of %d", total)
}

// finish closes the current stage.
func (b *bars) finish() {
	if b.stage == "" {
		return
	}
	if b.bar != nil {
		_ = b.bar.Finish()
		b.bar = nil
	}
	seconds := time.Since(b.begin).Seconds()
	fmt.Fprintf(b.out, "%s: %d in %.1f s, %.0f/s\n", b.stage, b.done, seconds, float64(b.done)/max(seconds, 1e-9))
	b.stage, b.begin = "", time.Now()
}

// warn prints a message between the bars.
func (b *bars) warn(message string) {
	if b.bar != nil {
		_ = b.bar.Clear()
	}
	fmt.Fprintln(b.out, "warning:", message)
}
