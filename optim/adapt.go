// SPDX-License-Identifier: MIT

package optim

import "seer/torch"

// larcEpsilon keeps LARC's quotient finite (apex.parallel.LARC).
const larcEpsilon = 1e-8

// adaptGradients adds weight decay to the gradients, whose norms are gn, and scales them by their layer's rate. All norms
// stay on the device: nothing waits for it.
func (s *SGD) adaptGradients(a active, gn *torch.Tensor) {
	if s.Adaptation == None {
		torch.ForeachDecayInPlace(a.grads, a.params, a.decay)
		return
	}
	dev := a.params[0].Device()
	decay := vector(a.decay).ToDevice(dev)
	chosen := vector(flags(a.adapt)).ToDevice(dev).GtScalar(0)
	pn := torch.ForeachNorms(a.params)
	if s.Adaptation == LARS {
		torch.ForeachDecayInPlace(a.grads, a.params, a.decay)
		gn = torch.ForeachNorms(a.grads)
		rate := pn.MulScalar(s.TrustCoefficient).Div(gn.ClampMin(larcEpsilon))
		torch.ForeachAdaptInPlace(a.grads, a.params, only(both(pn, gn).And(chosen), rate, 1), decay.MulScalar(0))
		return
	}
	// A zero norm leaves the gradient as it is, without decay: a fresh bias takes the plain rate (apex does the same).
	dead := both(pn, gn).Not().And(chosen)
	rate := pn.MulScalar(s.TrustCoefficient).Div(pn.Mul(decay).Add(gn).AddScalar(larcEpsilon))
	torch.ForeachAdaptInPlace(a.grads, a.params, only(chosen.And(dead.Not()), rate, 1), only(dead.Not(), decay, 0))
}

// both tells where two norms are non-zero.
func both(pn, gn *torch.Tensor) *torch.Tensor { return pn.NeScalar(0).And(gn.NeScalar(0)) }

// only keeps x where cond holds and otherwise is a constant.
func only(cond, x *torch.Tensor, otherwise float64) *torch.Tensor {
	return torch.Where(cond, x, torch.Full(otherwise, torch.Float32, x.Device(), 1))
}

func vector(v []float64) *torch.Tensor {
	return torch.FromFloat64(v, int64(len(v))).To(torch.Float32)
}

func flags(bs []bool) []float64 {
	v := make([]float64, len(bs))
	for i, b := range bs {
		if b {
			v[i] = 1
		}
	}
	return v
}
