// SPDX-License-Identifier: MIT

package probe

import (
	"fmt"

	"seer/eval/metrics"
)

// Trial is the outcome of one of the settings that a probe tries beside each other. The result is that of the best one,
// judged on the validation images.
type Trial struct {
	K    int     `json:"k,omitempty"` // neighbours that voted
	Top1 float64 `json:"top1"`        // per cent
	Top5 float64 `json:"top5"`
}

// String names what tells one trial of a probe from the others.
func (t Trial) String() string { return fmt.Sprintf("k = %d", t.K) }

// better is the larger figure.
func (t Trial) better(than Trial) bool { return t.Top1 > than.Top1 }

// best is the first of the best ones.
func best(trials []Trial) Trial {
	found := trials[0]
	for _, t := range trials[1:] {
		if t.better(found) {
			found = t
		}
	}
	return found
}

// tried are the trials where there are several: one alone is the result.
func tried(trials []Trial) (all []Trial, name string) {
	if len(trials) < 2 {
		return nil, ""
	}
	return trials, best(trials).String()
}

// topK are the figures of a table, top-1 and top-5, per cent.
func topK(c *metrics.Classification) (top1, top5 float64) { return c.Percent(1), c.Percent(5) }
