// SPDX-License-Identifier: MIT

package nn

import "seer/torch"

// products are what convolutions and linear layers put out in a span of a tape, in the order of its forward pass: first
// they are collected, then, known, they stand in for the multiplications.
type products struct {
	known   bool
	tensors []*torch.Tensor
}

// product computes a product, or takes the one that is known. What follows it must not work in place.
func (c *Context) product(compute func() *torch.Tensor, known func(y *torch.Tensor) *torch.Tensor) *torch.Tensor {
	if c == nil || c.products == nil {
		return compute()
	}
	p := c.products
	if !p.known {
		y := compute()
		p.tensors = append(p.tensors, y.Detach().Release())
		return y
	}
	y := p.tensors[0]
	p.tensors = p.tensors[1:]
	defer y.Close() // the result shares its memory
	return known(y)
}

// WithoutProducts is a context in which products are not kept but computed again: where they are small, or where the next
// operation overwrites them.
func (c *Context) WithoutProducts() *Context {
	if c == nil || c.products == nil {
		return c
	}
	without := *c
	without.products = nil
	return &without
}

func (p *products) close() {
	if p == nil {
		return
	}
	for _, t := range p.tensors {
		t.Close()
	}
	p.tensors = nil
}
