// SPDX-License-Identifier: MIT

package probe

import (
	"context"
	"fmt"
	"math"

	"seer/config"
	"seer/eval"
	"seer/eval/metrics"
	"seer/nn"
	"seer/torch"
	"seer/train"
)

// scoreRows bounds the memory of scores: 1,000 classes need 16 MB.
const scoreRows = 4096

// judge scores val with each classifier, batch norms with their running statistics.
func (p *linear) judge(ctx context.Context, val *eval.Features) (all []Trial, err error) {
	if err := p.heads.setAside(ctx, train.Event{Step: p.program.Steps}); err != nil {
		return nil, err
	}
	for _, h := range p.heads.all {
		t := h.trial(p.Config)
		if h.diverged == 0 {
			if err := p.score(ctx, h, val, &t); err != nil {
				return nil, err
			}
		}
		all = append(all, t)
	}
	return all, nil
}

// trial says what tells a head from the others, and what its training came to.
func (h *head) trial(l config.Linear) Trial {
	return Trial{Layer: l.Layers[h.Layer].String(), BatchNorm: &h.BatchNorm, BaseLR: h.BaseLR, Loss: h.meanLoss(), Diverged: h.diverged}
}

// score fills in the figures of one head: top-1 and top-5, or mAP of images with several classes.
func (p *linear) score(ctx context.Context, h *head, val *eval.Features, t *Trial) error {
	if p.Val != nil {
		all, err := metrics.NewMultiLabel(p.Classes)
		if err == nil {
			err = p.eachScores(ctx, h, val, func(scores []float32, at, n int64) error {
				return all.Add(scores, rowsOf(p.Val, val.Indices[at:at+n], p.Classes))
			})
		}
		if err != nil {
			return err
		}
		precision, err := all.AveragePrecision(metrics.Interpolated)
		if t.MAP = 100 * metrics.Mean(precision); err == nil && math.IsNaN(t.MAP) {
			err = fmt.Errorf("linear.val: none of the %d classes is known to be in one of the %d validation images, so that there is no average precision", p.Classes, val.Len())
		}
		return err
	}
	count, err := metrics.NewClassification(p.Classes, 1, 5)
	if err == nil {
		err = p.eachScores(ctx, h, val, func(scores []float32, at, n int64) error {
			return count.Add(scores, val.Labels[at:at+n])
		})
	}
	if err == nil {
		t.Top1, t.Top5 = topK(count)
	}
	return err
}

// eachScores hands on a head's scores of val, block by block.
func (p *linear) eachScores(ctx context.Context, h *head, val *eval.Features, use func(scores []float32, at, n int64) error) error {
	var err error
	failure := torch.Try(func() {
		torch.NoGrad(func() {
			for at := int64(0); at < val.Len() && err == nil; at += scoreRows {
				if err = context.Cause(ctx); err != nil {
					return
				}
				n := min(scoreRows, val.Len()-at)
				err = use(p.scores(h, val.X.Narrow(0, at, n)), at, n)
			}
		})
	})
	if failure != nil {
		return failure
	}
	return err
}

func (p *linear) scores(h *head, features *torch.Tensor) []float32 {
	scope := torch.NewScope()
	defer scope.Close()
	x := features.Narrow(1, h.offset, h.width).ToDevice(p.program.Engine.Device)
	return h.Forward(&nn.Context{}, x).Float32s()
}
