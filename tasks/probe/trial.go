// SPDX-License-Identifier: MIT

package probe

import (
	"fmt"

	"seer/eval/metrics"
)

// Trial is the outcome of one of the settings that a probe tries beside each other. The result is that of the best one,
// judged on the validation images.
type Trial struct {
	K int `json:"k,omitempty"` // neighbours that voted
	// Of a linear classifier: its layer, batch norm and rate, as in [linear].
	Layer     string  `json:"layer,omitempty"`
	BatchNorm *bool   `json:"batch_norm,omitempty"`
	BaseLR    float64 `json:"base_lr,omitempty"`
	// Diverged is the step, from 1, whose loss was not finite: there are no figures.
	Diverged int64   `json:"diverged,omitempty"`
	Loss     float64 `json:"loss,omitempty"` // in training: the mean over the last epoch

	Top1 float64 `json:"top1"` // per cent
	Top5 float64 `json:"top5"`
	MAP  float64 `json:"map,omitempty"` // of images with several classes
}

// String names what tells one trial of a probe from the others.
func (t Trial) String() string {
	if t.Layer == "" {
		return fmt.Sprintf("k = %d", t.K)
	}
	norm := ""
	if t.BatchNorm != nil && *t.BatchNorm {
		norm = ", batch norm"
	}
	return fmt.Sprintf("%s%s, rate %g", t.Layer, norm, t.BaseLR)
}

// better compares the figures; one that diverged has none.
func (t Trial) better(than Trial) bool {
	if t.Diverged > 0 || than.Diverged > 0 {
		return t.Diverged == 0
	}
	return t.Top1 > than.Top1 || t.MAP > than.MAP
}

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
