// SPDX-License-Identifier: MIT

package logistic

import (
	"context"
	"fmt"
	"math/rand/v2"

	"seer/torch"
)

// Result is what [Evaluate] found.
type Result struct {
	*Model               // of all training images, at the chosen C
	Validation []float64 // accuracy on the images held out, for each of Options.Costs
}

// Evaluate chooses the C of the best accuracy on a tenth of the training images, drawn from the seed, and fits all of them
// with it. Of several that are equally good it takes the smallest.
func Evaluate(ctx context.Context, dev torch.Device, train Set, classes int, o FitOptions) (r *Result, err error) {
	if err := train.check(classes); err != nil {
		return nil, err
	}
	n := len(train.Labels)
	if n < 10 {
		return nil, fmt.Errorf("logistic regression: %d images; at least 10 are needed, of which one chooses C", n)
	}
	err = onDevice(o.Threads, func() error {
		order := rand.New(rand.NewPCG(o.Seed, 0)).Perm(n)
		held, rest := train.take(order[:n/10]), train.take(order[n/10:])
		p, err := newProblem(dev, rest, classes, o, nil)
		if err != nil {
			return err
		}
		r, err = choose(ctx, p, held, o)
		if err != nil {
			return err
		}
		p.z.Close() // the next one is larger
		all, err := newProblem(dev, train, classes, o, p.basis)
		if err != nil {
			return err
		}
		r.Model, err = all.fit(ctx, r.Cost, o)
		return err
	})
	return r, err
}

// take copies some of the images.
func (s Set) take(images []int) Set {
	index := make([]int64, len(images))
	out := Set{Labels: make([]int64, len(images))}
	for i, image := range images {
		index[i], out.Labels[i] = int64(image), s.Labels[image]
	}
	out.X = s.X.IndexSelect(0, torch.FromInt64(index, int64(len(index))).ToDevice(s.X.Device()))
	return out
}

// choose measures all C on the images held out.
func choose(ctx context.Context, p *problem, held Set, o FitOptions) (*Result, error) {
	models, err := p.path(ctx, o)
	if err != nil {
		return nil, err
	}
	r := &Result{}
	best := -1
	for i, m := range models {
		count, err := m.Classify(p.dev, o.Threads, held)
		if err != nil {
			return nil, err
		}
		r.Validation = append(r.Validation, count.Accuracy(1))
		if best < 0 || r.Validation[i] > r.Validation[best] || r.Validation[i] == r.Validation[best] && m.Cost < models[best].Cost {
			best = i
		}
	}
	r.Model = models[best]
	return r, nil
}
