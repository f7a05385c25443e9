// SPDX-License-Identifier: MIT

package logistic

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"seer/eval/metrics"
	"seer/internal/lbfgs"
	"seer/torch"
)

// Set is images: float32 or float64 [n, width], and the class of each.
type Set struct {
	X      *torch.Tensor
	Labels []int64
}

// FitOptions say how fits are made. Begin with [Defaults].
type FitOptions struct {
	Costs         []float64 // candidates for C
	Tolerance     float64   // on the largest element of the gradient, in the axes of the covariance
	MaxIterations int       // of each fit
	Seed          uint64    // of the images that choose C
	Threads       int       // of an operation on the CPU; 0 means those of torch.SetThreads
	Progress      func(done, total int)
}

// Defaults are DINOv2's: 45 values of C from 1e-6 to 1e5, evenly in the exponent.
func Defaults() FitOptions {
	o := FitOptions{Tolerance: 1e-12, MaxIterations: 1000}
	for i := range 45 {
		o.Costs = append(o.Costs, math.Pow(10, -6+11*float64(i)/44))
	}
	return o
}

// Model is a fit. A class without training images has weights 0 and the intercept −∞: it is never chosen.
type Model struct {
	Cost       float64
	Classes    int
	Weights    []float64 // [Classes, width]
	Intercepts []float64 // [Classes]
	Objective  float64   // what was minimised
	Gradient   float64   // its largest element
	Iterations int
	Converged  bool // within the tolerance, or as near as float64 gets; else MaxIterations ended it
}

// Fit fits classes classes at each of o.Costs. The fits go from small to large C, each from where the one before ended;
// models are in the order of o.Costs. It computes on dev. With two classes the penalty is that of scikit-learn's single vector
// w = W₁ − W₀.
func Fit(ctx context.Context, dev torch.Device, train Set, classes int, o FitOptions) (models []*Model, err error) {
	err = onDevice(o.Threads, func() error {
		p, err := newProblem(dev, train, classes, o, nil)
		if err == nil {
			models, err = p.path(ctx, o)
		}
		return err
	})
	return models, err
}

// onDevice is the border to libtorch: panics become errors, tensors end.
func onDevice(threads int, f func() error) error {
	return torch.OnThread(threads, func() (err error) {
		scope := torch.NewScope()
		defer scope.Close()
		if failure := torch.Try(func() { torch.NoGrad(func() { err = f() }) }); failure != nil {
			return fmt.Errorf("logistic regression: %w", failure)
		}
		return err
	})
}

func (o FitOptions) check() error {
	if len(o.Costs) == 0 || !(slices.Min(o.Costs) > 0) || math.IsInf(slices.Max(o.Costs), 1) {
		return fmt.Errorf("logistic regression: C = %v; at least one is needed, and all have to be over 0", o.Costs)
	}
	if !(o.Tolerance >= 0) || o.MaxIterations < 1 {
		return fmt.Errorf("logistic regression: tolerance %v, %d iterations; 0 and more, 1 and more are allowed", o.Tolerance, o.MaxIterations)
	}
	return nil
}

func (s Set) check(classes int) error {
	if n := s.X.Size(0); n != int64(len(s.Labels)) || n == 0 {
		return fmt.Errorf("logistic regression: %d labels for %d images; at least one image is needed", len(s.Labels), n)
	}
	for i, label := range s.Labels {
		if label < 0 || label >= int64(classes) {
			return fmt.Errorf("logistic regression: image %d has label %d; with %d classes 0 to %d are allowed", i, label, classes, classes-1)
		}
	}
	return nil
}

// problem is the training images in the basis, with the classes that they have.
type problem struct {
	*basis
	dev     torch.Device
	z       *torch.Tensor // [n, width+1]: the last is 1, for the intercept
	labels  *torch.Tensor // int64 [n,1]: places in present
	present []int64       // classes
	classes int           // all
	w       []float64     // [present, width+1]: where the last fit ended
}

// newProblem uses a basis of other images of the same kind, or makes its own.
func newProblem(dev torch.Device, train Set, classes int, o FitOptions, b *basis) (*problem, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	if err := train.check(classes); err != nil {
		return nil, err
	}
	p := &problem{basis: b, dev: dev, classes: classes, present: slices.Compact(slices.Sorted(slices.Values(train.Labels)))}
	if len(p.present) < 2 {
		return nil, fmt.Errorf("logistic regression: all %d images have class %d; two classes are needed", len(train.Labels), p.present[0])
	}
	if b == nil {
		var err error
		if p.basis, err = newBasis(dev, train.X); err != nil {
			return nil, err
		}
	}
	n, width := train.X.Size(0), train.X.Size(1)
	p.z = torch.Ones(torch.Float64, dev, n, width+1)
	blocks(dev, n, width, func(at, rows int64) {
		p.z.Narrow(0, at, rows).Narrow(1, 0, width).CopyInPlace(p.into(piece(train.X, dev, at, rows)))
	})
	places := make([]int64, n)
	for i, label := range train.Labels {
		places[i] = int64(slices.Index(p.present, label))
	}
	p.labels = torch.FromInt64(places, n, 1).ToDevice(dev)
	p.w = make([]float64, int64(len(p.present))*(width+1))
	return p, nil
}

func (p *problem) path(ctx context.Context, o FitOptions) ([]*Model, error) {
	models, order := make([]*Model, len(o.Costs)), make([]int, len(o.Costs))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(o.Costs[a], o.Costs[b]) })
	for done, i := range order {
		var err error
		if models[i], err = p.fit(ctx, o.Costs[i], o); err != nil {
			return nil, err
		}
		if o.Progress != nil {
			o.Progress(done+1, len(order))
		}
	}
	return models, nil
}

func (p *problem) fit(ctx context.Context, cost float64, o FitOptions) (*Model, error) {
	decay := 1 / (cost * float64(p.z.Size(0)))
	if len(p.present) == 2 {
		decay *= 2
	}
	r, err := lbfgs.Minimize(p.function(ctx, decay), p.w, lbfgs.SearchOptions{
		Tolerance: o.Tolerance, MaxIterations: o.MaxIterations, Scale: p.scale(decay),
	})
	if err != nil {
		return nil, fmt.Errorf("logistic regression with C = %v: %w", cost, err)
	}
	p.w = r.X
	m := &Model{Cost: cost, Classes: p.classes, Objective: r.Value, Gradient: r.Gradient, Iterations: r.Iterations, Converged: r.Converged}
	m.Weights, m.Intercepts = p.ofAllClasses(p.back(p.weights(r.X)))
	return m, nil
}

func (p *problem) weights(w []float64) *torch.Tensor {
	return torch.FromFloat64(w, int64(len(p.present)), p.z.Size(1)).ToDevice(p.dev)
}

// scale is one over the Hessian's diagonal where all classes are as likely.
func (p *problem) scale(decay float64) []float64 {
	k, width := len(p.present), len(p.variance)
	spread := float64(k-1) / float64(k*k)
	smallest := 1e-12 * slices.Max(p.variance)
	scale := make([]float64, 0, k*(width+1))
	for range k {
		for _, v := range p.variance {
			scale = append(scale, 1/(spread*max(v, smallest)+decay))
		}
		scale = append(scale, 1/spread)
	}
	return scale
}

// function is the objective of weights [present, width+1].
func (p *problem) function(ctx context.Context, decay float64) lbfgs.Function {
	n, columns := p.z.Size(0), p.z.Size(1)
	return func(w, gradient []float64) (float64, error) {
		if ctx.Err() != nil {
			return 0, context.Cause(ctx)
		}
		scope := torch.NewScope()
		defer scope.Close()
		weights := p.weights(w)
		sum, loss := torch.Zeros(torch.Float64, p.dev, weights.Shape()...), torch.Zeros(torch.Float64, p.dev)
		blocks(p.dev, n, columns+weights.Size(0), func(at, rows int64) {
			z, labels := p.z.Narrow(0, at, rows), p.labels.Narrow(0, at, rows)
			logs := z.MatMul(weights.Transpose(0, 1)).LogSoftmax(1)
			loss.SubInPlace(logs.Gather(1, labels).Sum())
			residual := logs.ExpInPlace().ScatterAddInPlace(1, labels, torch.Full(-1, torch.Float64, p.dev, rows, 1))
			sum.AddInPlace(residual.Transpose(0, 1).MatMul(z))
		})
		copy(gradient, sum.DivScalarInPlace(float64(n)).Float64s())
		return loss.Item()/float64(n) + penalty(w, gradient, int(columns), decay), nil
	}
}

// penalty is decay/2·‖W‖² without the intercepts, the last of each row; its derivative is added to the gradient.
func penalty(w, gradient []float64, columns int, decay float64) (sum float64) {
	for at := 0; at < len(w); at += columns {
		for i := at; i < at+columns-1; i++ {
			sum += w[i] * w[i]
			gradient[i] += decay * w[i]
		}
	}
	return decay / 2 * sum
}

// ofAllClasses makes room for the classes without images.
func (p *problem) ofAllClasses(weights, intercepts []float64) (allWeights, allIntercepts []float64) {
	width := len(p.variance)
	allWeights, allIntercepts = make([]float64, p.classes*width), make([]float64, p.classes)
	for c := range allIntercepts {
		allIntercepts[c] = math.Inf(-1)
	}
	for i, c := range p.present {
		copy(allWeights[int(c)*width:], weights[i*width:(i+1)*width])
		allIntercepts[c] = intercepts[i]
	}
	return allWeights, allIntercepts
}

// Classify counts how often the class of an image has the best score, or one of the best five.
func (m *Model) Classify(dev torch.Device, threads int, test Set) (*metrics.Classification, error) {
	if err := test.check(m.Classes); err != nil {
		return nil, err
	}
	width := int64(len(m.Weights) / m.Classes)
	if got := test.X.Size(1); got != width {
		return nil, fmt.Errorf("logistic regression: training features have width %d, test features %d; compute both with one trunk", width, got)
	}
	count, err := metrics.NewClassification(m.Classes, 1, 5)
	if err != nil {
		return nil, err
	}
	err = onDevice(threads, func() (err error) {
		classes := int64(m.Classes)
		weights := torch.FromFloat64(m.Weights, classes, width).ToDevice(dev).Transpose(0, 1)
		intercepts := torch.FromFloat64(m.Intercepts, 1, classes).ToDevice(dev)
		blocks(dev, test.X.Size(0), width+classes, func(at, rows int64) {
			scores := piece(test.X, dev, at, rows).MatMul(weights).AddInPlace(intercepts).To(torch.Float32).Float32s()
			if err == nil {
				err = count.Add(scores, test.Labels[at:at+rows])
			}
		})
		return err
	})
	return count, err
}
