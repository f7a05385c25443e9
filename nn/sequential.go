// SPDX-License-Identifier: MIT

package nn

import "seer/torch"

// Child is a module under the name it has in its parent.
type Child struct {
	Name   string
	Module Module
}

// Sequential runs its children one after the other (torch.nn.Sequential). Names need not be numbers.
type Sequential []Child

// Forward feeds x through the children in order.
func (s Sequential) Forward(ctx *Context, x *torch.Tensor) *torch.Tensor {
	for _, c := range s {
		x = c.Module.Forward(ctx, x)
	}
	return x
}

// Walk visits the children in order.
func (s Sequential) Walk(prefix string, visit func(Entry)) {
	for _, c := range s {
		c.Module.Walk(Join(prefix, c.Name), visit)
	}
}

// Run feeds x through modules in order. Each activation's handle goes as soon as the next one is there, so that it lives
// only as long as autograd needs it.
func Run(ctx *Context, modules []Module, x *torch.Tensor) *torch.Tensor {
	return torch.Scoped(func() *torch.Tensor {
		y := x
		for _, m := range modules {
			in := y
			if y = m.Forward(ctx, in); in != x {
				in.Close()
			}
		}
		return y
	})
}

// ReLU is max(x, 0), in place: the layers that it follows do not need their own output for the backward pass.
type ReLU struct{}

// Forward overwrites x.
func (ReLU) Forward(_ *Context, x *torch.Tensor) *torch.Tensor { return x.ReluInPlace() }

// Walk has nothing to visit.
func (ReLU) Walk(string, func(Entry)) {}

// Interface guards.
var (
	_ Module = (*Conv2d)(nil)
	_ Module = (*ConvTranspose2d)(nil)
	_ Module = (*Linear)(nil)
	_ Module = (*BatchNorm)(nil)
	_ Module = (*LayerNorm)(nil)
	_ Module = (*SelfAttention)(nil)
	_ Module = Sequential(nil)
	_ Module = ReLU{}
)
