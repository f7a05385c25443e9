// SPDX-License-Identifier: MIT

package nn

import (
	"fmt"

	"seer/recompute"
	"seer/torch"
)

// Tape runs the trunk of one training step and goes back over it segment by segment: all passes (one a resolution) of a
// segment before the one in front of it. What the plan does not keep is computed again there: with the random numbers and
// the autocast of the first time, and without counting the batch in running statistics twice.
//
// Between spans of the plan the graph is cut. A backward pass from the loss ends behind the trunk; [Tape.Backward] goes on
// from there.
type Tape struct {
	// Plan is for the segments of the trunk.
	Plan recompute.Plan
	// Done is told of each segment, from the last to the first, when the gradients of its parameters are final. May be nil.
	Done func(segment Module)

	segments []Module
	passes   []*pass
}

// pass is one forward pass: one resolution.
type pass struct {
	ctx      Context
	device   torch.Device
	autocast torch.AutocastMode
	spans    []taped
	output   *torch.Tensor // behind the last span
	gradient *torch.Tensor // that has arrived behind the span whose turn it is; nil: none
}

// taped is what a pass keeps of a span.
type taped struct {
	input    *torch.Tensor
	cut      bool          // the input takes a gradient to the span in front
	trains   bool          // the output has one
	output   *torch.Tensor // with its graph; nil: computed again
	products *products     // nil: all or nothing is kept
	random   []byte        // state of the generator when the span began
}

// Run computes the output of the last segment for x. The segments must be the same in every pass.
func (t *Tape) Run(ctx *Context, segments []Module, x *torch.Tensor) *torch.Tensor {
	return t.Stages(ctx, segments, []int{len(segments) - 1}, x)[0]
}

// Stages is Run that computes the outputs of several segments, ends, in ascending order. Each must end a span of the plan:
// gradients that a backward pass brings to any of them are taken on together.
func (t *Tape) Stages(ctx *Context, segments []Module, ends []int, x *torch.Tensor) (outputs []*torch.Tensor) {
	t.check(segments)
	p := &pass{ctx: *ctx, device: x.Device(), autocast: torch.CurrentAutocast(x.Device())}
	p.ctx.Tape = nil
	t.passes = append(t.passes, p)
	trains, last := false, -1
	for _, part := range t.parts() {
		cut := trains
		trains = trains || takesGradients(part.segments)
		p.spans = append(p.spans, taped{input: x, cut: cut, trains: trains})
		x = p.record(&p.spans[len(p.spans)-1], part)
		last += part.Segments
		if len(outputs) < len(ends) && ends[len(outputs)] == last {
			outputs = append(outputs, x)
		}
	}
	if p.output = x; len(outputs) < len(ends) {
		panic(&torch.OpError{Op: "tape", Message: fmt.Sprintf("the plan has no span that ends with segment %d, whose output is asked for", ends[len(outputs)])})
	}
	return outputs
}

// check panics where a plan or a trunk is not the tape's.
func (t *Tape) check(segments []Module) {
	switch {
	case t.Plan.Segments() != len(segments):
		panic(&torch.OpError{Op: "tape", Message: fmt.Sprintf("the plan is for %d segments, and the trunk has %d", t.Plan.Segments(), len(segments))})
	case t.segments == nil:
		t.segments = segments
	case Entries(t.segments[0])[0].Tensor != Entries(segments[0])[0].Tensor:
		panic(&torch.OpError{Op: "tape", Message: "a tape is for one trunk, and a second one ran on it"})
	}
}

// part is a span with its segments.
type part struct {
	recompute.Span
	segments []Module
}

func (t *Tape) parts() []part {
	parts, from := make([]part, len(t.Plan)), 0
	for i, s := range t.Plan {
		parts[i] = part{s, t.segments[from : from+s.Segments]}
		from += s.Segments
	}
	return parts
}

func takesGradients(segments []Module) bool {
	for _, s := range segments {
		for _, p := range Parameters(s) {
			if p.Tensor.RequiresGrad() {
				return true
			}
		}
	}
	return false
}

// record computes a span for the first time, keeps what the plan says, and returns what the next span begins with.
func (p *pass) record(s *taped, span part) *torch.Tensor {
	if !s.trains {
		return Run(&p.ctx, span.segments, s.input).Release()
	}
	if span.Mode == recompute.KeepAll {
		s.output = Run(&p.ctx, span.segments, s.input).Release()
		return s.output.Cut().Release()
	}
	ctx := p.ctx
	if span.Mode == recompute.KeepProducts {
		s.products = &products{}
		ctx.products = s.products
	}
	s.random = torch.RNGState(p.device)
	return torch.Scoped(func() (y *torch.Tensor) {
		torch.NoGrad(func() { p.autocast.Uncached(func() { y = Run(&ctx, span.segments, s.input) }) })
		return y.Cut()
	}).Release()
}

// Others lists the parameters of w that are in no segment that ran on the tape. A nil tape has none.
func (t *Tape) Others(w Walker) []*torch.Tensor {
	taped := map[*torch.Tensor]bool{}
	if t != nil {
		for _, s := range t.segments {
			s.Walk("", func(e Entry) { taped[e.Tensor] = true })
		}
	}
	var others []*torch.Tensor
	for _, p := range Parameters(w) {
		if !taped[p.Tensor] {
			others = append(others, p.Tensor)
		}
	}
	return others
}

// Backward takes the gradients that a backward pass from the loss has brought to the outputs of Run down to the
// parameters, and forgets the passes. A nil tape has nothing to do.
func (t *Tape) Backward() {
	if t == nil || len(t.passes) == 0 {
		return
	}
	for _, p := range t.passes {
		if p.spans[len(p.spans)-1].trains {
			p.take(p.output)
		}
	}
	parts := t.parts()
	for i := len(parts) - 1; i >= 0; i-- {
		if parts[i].Mode == recompute.KeepAll {
			t.backwardKept(i)
		} else {
			t.backwardAgain(i, parts[i])
		}
		t.done(parts[i].segments)
	}
	t.Close()
}

func (p *pass) take(cut *torch.Tensor) {
	if p.gradient = cut.TakeGradient(); p.gradient != nil {
		p.gradient.Release()
	}
}

// backwardKept goes back over a span of all passes at once: the gradients of a parameter are added in the order, and under
// autocast in the precision, of a graph that was not cut.
func (t *Tape) backwardKept(i int) {
	var outputs, gradients []*torch.Tensor
	for _, p := range t.passes {
		if p.gradient != nil {
			outputs, gradients = append(outputs, p.spans[i].output), append(gradients, p.gradient)
		}
	}
	torch.BackwardFrom(outputs, gradients)
	for _, p := range t.passes {
		p.leave(i)
	}
}

// backwardAgain computes a span again and goes back over it, one pass after the other, so that only one is there at a
// time. The last one comes first, as in a graph that was not cut.
func (t *Tape) backwardAgain(i int, span part) {
	for j := len(t.passes) - 1; j >= 0; j-- {
		p := t.passes[j]
		if p.gradient != nil {
			torch.BackwardFrom([]*torch.Tensor{p.again(&p.spans[i], span)}, []*torch.Tensor{p.gradient})
		}
		p.leave(i)
	}
}

// again computes a span for the second time, with the random numbers of the first.
func (p *pass) again(s *taped, span part) (y *torch.Tensor) {
	now := torch.RNGState(p.device)
	defer p.setRandom(now)
	p.setRandom(s.random)
	ctx := p.ctx
	ctx.KeepStatistics = true
	if ctx.products = s.products; s.products != nil {
		s.products.known = true
	}
	p.autocast.Run(func() { y = Run(&ctx, span.segments, s.input) })
	return y
}

func (p *pass) setRandom(state []byte) {
	if err := torch.SetRNGState(p.device, state); err != nil {
		panic(err)
	}
}

// leave frees what a pass has kept of a span, and takes the gradient on to the one in front.
func (p *pass) leave(i int) {
	s := &p.spans[i]
	if p.gradient = nil; s.cut && s.trains {
		p.take(s.input)
	}
	s.close(i > 0)
}

// close frees what is kept. The input of the first span is the caller's.
func (s *taped) close(owned bool) {
	s.output.Close()
	s.products.close()
	if owned {
		s.input.Close()
	}
}

func (t *Tape) done(segments []Module) {
	for i := len(segments) - 1; i >= 0 && t.Done != nil; i-- {
		t.Done(segments[i])
	}
}

// Close frees what the passes still hold; the tape can be used for another step. It is idempotent, and
// fine on nil.
func (t *Tape) Close() {
	if t == nil {
		return
	}
	for _, p := range t.passes {
		for i := range p.spans {
			p.spans[i].close(i > 0)
		}
		p.output.Close()
		p.gradient.Close()
	}
	t.passes, t.segments = nil, nil
}
