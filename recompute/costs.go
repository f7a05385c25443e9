// SPDX-License-Identifier: MIT

package recompute

// Costs are the work and memory of one segment in a step of one process, in bytes.
type Costs struct {
	MACs      int64 // multiply-adds of the forward pass
	Kept      int64 // what autograd keeps, the output included
	Products  int64 // what convolutions and linear layers put out
	Output    int64
	Again     int64 // Kept of the largest pass: passes are computed again one at a time
	Largest   int64 // the largest tensor of all passes together
	Widest    int64 // the largest tensor of the largest pass
	Gradients int64 // of the parameters, float32
}

// stored is what a span keeps until its backward pass; its input is with the span in front.
func stored(m Mode, span []Costs) (bytes int64) {
	for _, c := range span {
		switch m {
		case KeepAll:
			bytes += c.Kept
		case KeepProducts:
			bytes += c.Products
		}
	}
	if m != KeepAll {
		bytes += span[len(span)-1].Output
	}
	return bytes
}

// backward is what the backward pass of a span adds to what is stored: what is computed again, and gradients on the way.
// Of these there are two of the size of the largest tensor, while a layer goes from one to the next, and that of a
// block's output, which waits for the shortcut.
func backward(m Mode, span []Costs) (bytes int64) {
	var flight int64
	for _, c := range span {
		switch m {
		case KeepAll:
			flight = max(flight, 2*c.Largest+c.Output)
			continue
		case KeepProducts:
			bytes += c.Again - min(c.Again, c.Products)
		case KeepInput:
			bytes += c.Again
		}
		flight = max(flight, 2*c.Widest+c.Output)
	}
	return bytes + flight
}

// balance is how many multiply-adds a device does in the time in which it reads or writes one byte: what tells the cost of
// a layer that only moves memory. It is about 10 for float32 on CPUs and GPUs, and some times that for tensor cores.
const balance = 16

// price is the work of computing a span again, in multiply-adds.
func price(m Mode, span []Costs) (macs int64) {
	for _, c := range span {
		switch m {
		case KeepProducts:
			macs += balance * c.Kept
		case KeepInput:
			macs += c.MACs + balance*c.Kept
		}
	}
	return macs
}

// Peak is the most that activations and gradients of a step take: behind its forward pass, or while a span goes back.
func (p Plan) Peak(segments []Costs) int64 {
	var gradients int64
	for _, c := range segments {
		gradients += c.Gradients
	}
	var kept, peak int64
	from := 0
	for _, s := range p {
		span := segments[from : from+s.Segments]
		own := stored(s.Mode, span)
		peak = max(peak, kept+own+backward(s.Mode, span)+gradients)
		for _, c := range span {
			gradients -= c.Gradients
		}
		kept += own
		from += s.Segments
	}
	return max(peak, kept)
}

// Kept is what stays between the forward and the backward pass.
func (p Plan) Kept(segments []Costs) (bytes int64) {
	from := 0
	for _, s := range p {
		bytes += stored(s.Mode, segments[from:from+s.Segments])
		from += s.Segments
	}
	return bytes
}

// Price is the work of computing again by which plans are compared: multiply-adds, and the time of layers that only move
// memory as so many multiply-adds.
func (p Plan) Price(segments []Costs) (macs int64) {
	from := 0
	for _, s := range p {
		macs += price(s.Mode, segments[from:from+s.Segments])
		from += s.Segments
	}
	return macs
}

// Again are the multiply-adds of convolutions and linear layers that are done twice.
func (p Plan) Again(segments []Costs) (macs int64) {
	from := 0
	for _, s := range p {
		for _, c := range segments[from : from+s.Segments] {
			if s.Mode == KeepInput {
				macs += c.MACs
			}
		}
		from += s.Segments
	}
	return macs
}
