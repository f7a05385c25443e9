// SPDX-License-Identifier: MIT

package optim

import (
	"fmt"
	"math"

	"seer/nn"
	"seer/optim/rules"
	"seer/torch"
	"seer/torch/dist"
)

// Adaptation chooses how a parameter's rate follows its norm.
type Adaptation string

const (
	// None is plain SGD.
	None Adaptation = "none"
	// LARC scales gradient and weight decay by trust·|p|/(|g| + decay·|p| + 1e-8), without clipping (apex.parallel.LARC with
	// clip=False, as SwAV and SEER use it).
	LARC Adaptation = "larc"
	// LARS scales the decayed gradient by trust·|p|/|g + decay·p| (You et al., arXiv 1708.03888; VISSL's lars).
	LARS Adaptation = "lars"
)

// SGDOptions configure [NewSGD].
type SGDOptions struct {
	Momentum         float64
	Nesterov         bool
	Adaptation       Adaptation
	TrustCoefficient float64 // of LARC and LARS: 0.001
}

// SGD is torch.optim.SGD (no dampening), after LARC or LARS. Each parameter has a momentum buffer, which is part of a
// checkpoint; a parameter without gradient is skipped entirely: no decay, no momentum, no step.
type SGD struct {
	SGDOptions
	params   []nn.Entry
	settings []rules.Setting
	momentum []*torch.Tensor // nil: another process has it
	shard    *dist.Group     // nil: this process has all of it
	owners   []int           // of the parameters, ranks in shard
}

// NewSGD makes an optimizer for params, with one setting each (see [rules.Assign]).
func NewSGD(params []nn.Entry, settings []rules.Setting, o SGDOptions) (*SGD, error) {
	if len(params) != len(settings) {
		return nil, fmt.Errorf("optim: %d parameters and %d settings", len(params), len(settings))
	}
	if o.Adaptation != None && o.Adaptation != LARC && o.Adaptation != LARS {
		return nil, fmt.Errorf("optim: adaptation %q is not known, use larc, lars or none", o.Adaptation)
	}
	s := &SGD{SGDOptions: o, params: params, settings: settings, owners: make([]int, len(params))}
	err := torch.Try(func() {
		for _, p := range params {
			s.momentum = append(s.momentum, zerosLike(p.Tensor))
		}
	})
	return s, err
}

// zerosLike keeps the layout of p: an update over tensors of one layout is a single pass over memory.
func zerosLike(p *torch.Tensor) *torch.Tensor {
	z := torch.Scoped(func() *torch.Tensor {
		t := torch.Zeros(p.DType(), p.Device(), p.Shape()...)
		if p.Dim() == 4 && p.ChannelsLast() {
			t = t.ToChannelsLast()
		}
		return t
	})
	return z.Release()
}

// active are the parameters that take part in one step, as parallel lists.
type active struct {
	params, grads, buffers []*torch.Tensor
	lr, decay              []float64
	adapt                  []bool
	owners                 []int
}

func (s *SGD) collect(step int64, lr float64) active {
	var a active
	for i, p := range s.params {
		set := s.settings[i]
		if set.Frozen(step) {
			continue
		}
		g := p.Tensor.Grad()
		if g == nil {
			continue
		}
		a.params, a.grads, a.buffers = append(a.params, p.Tensor), append(a.grads, g), append(a.buffers, s.momentum[i])
		a.lr = append(a.lr, lr*set.LRMult)
		a.decay = append(a.decay, set.WeightDecay)
		a.adapt = append(a.adapt, set.Adapt && s.Adaptation != None)
		a.owners = append(a.owners, s.owners[i])
	}
	return a
}

// Step updates all parameters that have a gradient and are not frozen at this step (counted from 0), then removes every
// gradient. lr is the schedule's rate; gradients are those of the unscaled loss. It returns the 2-norm over all these
// gradients before decay and adaptation. When that is not finite it changes nothing, and ok is false: one overflow would
// otherwise spread over every weight within two steps. Reading the norm waits for the device, once.
func (s *SGD) Step(step int64, lr float64) (norm float64, ok bool) {
	torch.NoGrad(func() {
		scope := torch.NewScope()
		defer scope.Close()
		defer s.ClearGradients()
		a := s.collect(step, lr)
		if len(a.params) == 0 {
			ok = true
			return
		}
		norms := torch.ForeachNorms(a.grads)
		norm = norms.NormDims(false, 0).Item()
		if ok = !math.IsNaN(norm) && !math.IsInf(norm, 0); ok {
			s.update(a, norms)
		}
	})
	return norm, ok
}

// update moves the parameters, whose gradients have these norms.
func (s *SGD) update(a active, norms *torch.Tensor) {
	if s.shard != nil {
		whole := a
		if a = s.owned(whole); len(a.params) > 0 {
			norms = torch.ForeachNorms(a.grads)
		}
		defer s.exchange(whole)
	}
	if len(a.params) > 0 {
		s.adaptGradients(a, norms)
		torch.ForeachSGDInPlace(a.params, a.grads, a.buffers, s.Momentum, s.Nesterov, a.lr)
	}
}

// Gradients lists the gradients that the next Step would use; the open scope owns the handles.
func (s *SGD) Gradients(step int64) []*torch.Tensor { return s.collect(step, 0).grads }

// ClearGradients removes every gradient: what Step does at its end, for a step that is skipped.
func (s *SGD) ClearGradients() { torch.ClearGrads(nn.Tensors(s.params)) }

// GradientNorm is the 2-norm over all gradients that the next Step would use, before decay and adaptation.
func (s *SGD) GradientNorm(step int64) float64 {
	scope := torch.NewScope()
	defer scope.Close()
	grads := s.collect(step, 0).grads
	if len(grads) == 0 {
		return 0
	}
	return torch.ForeachNorms(grads).NormDims(false, 0).Item()
}

// Walk visits the momentum buffers under their parameters' names, for checkpoints; once it is divided, those that
// this process has: see [SGD.Gathered].
func (s *SGD) Walk(prefix string, visit func(nn.Entry)) {
	for i, p := range s.params {
		if s.momentum[i] != nil {
			visit(nn.Entry{Name: nn.Join(prefix, p.Name), Kind: nn.Buffer, Tensor: s.momentum[i]})
		}
	}
}

// Close frees the momentum buffers.
func (s *SGD) Close() { nn.Close(s) }
