// SPDX-License-Identifier: MIT

package recompute

import "fmt"

// Mode says what of a span of segments is kept until the backward pass.
type Mode int

const (
	// KeepAll keeps all that autograd asks for: nothing is computed again.
	KeepAll Mode = iota
	// KeepProducts keeps what convolutions and linear layers put out. Normalisation, activation and
	// squeeze-and-excitation are computed again from it: little work, and about half of the memory.
	KeepProducts
	// KeepInput keeps what goes in, and computes everything again.
	KeepInput
)

// String says what is kept.
func (m Mode) String() string {
	switch m {
	case KeepAll:
		return "all"
	case KeepProducts:
		return "products"
	case KeepInput:
		return "input"
	}
	return fmt.Sprintf("mode(%d)", int(m))
}

// Span is a run of segments that are treated alike. Its backward pass is one: what is computed again is there all at once.
type Span struct {
	Segments int
	Mode     Mode
}

// Plan is what happens to the segments of a trunk, in order.
type Plan []Span

// Segments is the number of segments that the plan is for.
func (p Plan) Segments() (n int) {
	for _, s := range p {
		n += s.Segments
	}
	return n
}

// Each treats each of n segments by itself.
func Each(n int, m Mode) Plan {
	p := make(Plan, n)
	for i := range p {
		p[i] = Span{1, m}
	}
	return p
}

// Stages keeps the input of each stage; ends are the stages' last segments (models.Trunk). What stands behind the last
// stage belongs to it.
func Stages(n int, ends []int) Plan {
	var p Plan
	from := 0
	for i, end := range ends {
		if i == len(ends)-1 {
			end = n - 1
		}
		p = append(p, Span{end + 1 - from, KeepInput})
		from = end + 1
	}
	return p
}
