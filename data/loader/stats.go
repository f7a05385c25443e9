// SPDX-License-Identifier: MIT

package loader

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"sync"
	"time"

	"seer/data/jpeg"
	"seer/data/source"
)

// Stats counts what a loader has done. The times of the stages are summed over
// workers: divided by Images they are the cost of an image on one core.
type Stats struct {
	Batches int64                   // delivered
	Images  int64                   // delivered from their own position
	Bad     map[source.Reason]int64 // unusable images by reason
	Read    time.Duration           // reading files
	Decode  time.Duration
	Resize  time.Duration
	Jitter  time.Duration
	Blur    time.Duration
	Bytes   int64         // read from files
	Wait    time.Duration // that the consumer spent in Next
}

// Replaced returns the number of unusable images.
func (s Stats) Replaced() (n int64) {
	for _, c := range s.Bad {
		n += c
	}
	return n
}

// Slowest names the stage that takes most of the workers' time.
func (s Stats) Slowest() string {
	name, most := "read", s.Read
	for _, stage := range []struct {
		name string
		d    time.Duration
	}{{"decode", s.Decode}, {"resize", s.Resize}, {"jitter", s.Jitter}, {"blur", s.Blur}} {
		if stage.d > most {
			name, most = stage.name, stage.d
		}
	}
	return name
}

// Plus adds the counts of two loaders.
func (s Stats) Plus(o Stats) Stats {
	s.Bad = maps.Clone(s.Bad)
	for reason, n := range o.Bad {
		if s.Bad == nil {
			s.Bad = map[source.Reason]int64{}
		}
		s.Bad[reason] += n
	}
	s.Batches, s.Images, s.Bytes = s.Batches+o.Batches, s.Images+o.Images, s.Bytes+o.Bytes
	s.Read, s.Decode, s.Resize = s.Read+o.Read, s.Decode+o.Decode, s.Resize+o.Resize
	s.Jitter, s.Blur, s.Wait = s.Jitter+o.Jitter, s.Blur+o.Blur, s.Wait+o.Wait
	return s
}

// stats is Stats under a lock.
type stats struct {
	mu sync.Mutex
	s  Stats
}

func (s *stats) addWork(t *jpeg.Timing, bytes int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.s.Read += t.Read
	s.s.Decode += t.Decode
	s.s.Resize += t.Resize
	s.s.Jitter += t.Jitter
	s.s.Blur += t.Blur
	s.s.Bytes += bytes
}

func (s *stats) addWait(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.s.Wait += d
}

func (s *stats) delivered(images int, bad []Bad) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.s.Batches++
	s.s.Images += int64(images)
	for _, b := range bad {
		if s.s.Bad == nil {
			s.s.Bad = map[source.Reason]int64{}
		}
		s.s.Bad[b.Reason]++
	}
}

func (s *stats) snapshot() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.s
	out.Bad = maps.Clone(out.Bad)
	return out
}

// watch lists bad images and stops the stream when there are too many. It sees
// them in the order of the stream, so that a run always stops at the same step.
type watch struct {
	limit float64
	onBad func(Bad)
	log   io.Writer

	// Two halves of a sliding window: a source that breaks after a year of
	// good images should not take a month to be noticed.
	now, before tally
	last        string // bad image, as an example
}

type tally struct{ seen, bad int64 }

const (
	watchHalf = 5000
	watchMin  = 100 // images before a share means anything
)

func (w *watch) see(images int, bad []Bad) error {
	for i := range bad {
		if err := w.report(&bad[i]); err != nil {
			return err
		}
	}
	w.now.seen += int64(images)
	w.now.bad += int64(len(bad))
	if w.now.seen+w.before.seen >= watchMin || w.limit < 0 {
		if err := w.verdict(); err != nil {
			return err
		}
	}
	if w.now.seen >= watchHalf {
		w.before, w.now = w.now, tally{}
	}
	return nil
}

// final judges a whole pass over the data, however short. Other streams end
// where their run ends: the few images since it was resumed say nothing.
func (w *watch) final(pass bool) error {
	if pass {
		return w.verdict()
	}
	return nil
}

func (w *watch) verdict() error {
	seen, bad := w.now.seen+w.before.seen, w.now.bad+w.before.bad
	if bad == 0 || float64(bad) <= w.limit*float64(seen) {
		return nil
	}
	return fmt.Errorf("data: %d of the last %d images could not be used, more than the %.3g %% allowed; the last was %s: look at the list of bad images, or raise data.max_bad_fraction", bad, seen, 100*max(w.limit, 0), w.last)
}

// report lists one image. A list that cannot be written is an error: silence
// would look like good data.
func (w *watch) report(b *Bad) error {
	w.last = fmt.Sprintf("%s (%s: %v)", b.Name, b.Reason, b.Err)
	if w.onBad != nil {
		w.onBad(*b)
	}
	if w.log == nil {
		return nil
	}
	line, err := json.Marshal(map[string]any{
		"step": b.Step, "index": b.Index, "name": b.Name, "reason": b.Reason,
		"error": b.Err.Error(), "replacement": b.Replacement,
	})
	if err == nil {
		_, err = w.log.Write(append(line, '\n'))
	}
	if err != nil {
		return fmt.Errorf("data: listing the bad image %s: %w", b.Name, err)
	}
	return nil
}
