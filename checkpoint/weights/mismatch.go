// SPDX-License-Identifier: MIT

package weights

import (
	"fmt"
	"strings"

	"seer/checkpoint"
)

// listed is how many names of each kind an error shows.
const listed = 20

// ShapeMismatch is a tensor that both sides have, differently.
type ShapeMismatch struct{ Want, Have checkpoint.Info }

// String is like `fc.weight: F32 [10 440] in the file (head.fc.weight), F32 [1000 440] in the model`.
func (s ShapeMismatch) String() string {
	source := ""
	if s.Have.Name != s.Want.Name {
		source = " (" + s.Have.Name + ")"
	}
	return fmt.Sprintf("%s: %s %v in the file%s, %s %v in the model",
		s.Want.Name, s.Have.DType, s.Have.Shape, source, s.Want.DType, s.Want.Shape)
}

// MismatchError says all that keeps a file from fitting a model.
type MismatchError struct {
	Path       string
	Arch       string
	Found      string // what the file seems to be
	Missing    []string
	Unexpected []string
	Ambiguous  []string
	Shapes     []ShapeMismatch
	Advice     string // what to do
}

func (e *MismatchError) empty() bool {
	return len(e.Missing)+len(e.Unexpected)+len(e.Ambiguous)+len(e.Shapes) == 0
}

// Error is a paragraph of several lines: the kinds with their counts and first
// names, then what to do.
func (e *MismatchError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s does not fit %s", e.Path, e.model())
	if e.Found != "" {
		fmt.Fprintf(&b, "; it has %s", e.Found)
	}
	shapes := make([]string, len(e.Shapes))
	for i, s := range e.Shapes {
		shapes[i] = s.String()
	}
	section(&b, "of another shape or type", shapes)
	section(&b, "missing from the file", e.Missing)
	section(&b, "unknown to the model", e.Unexpected)
	section(&b, "ambiguous", e.Ambiguous)
	if e.Advice != "" {
		fmt.Fprintf(&b, "\nwhat to do: %s", e.Advice)
	}
	return b.String()
}

func (e *MismatchError) model() string {
	if e.Arch == "" {
		return "the model"
	}
	return e.Arch
}

func section(b *strings.Builder, title string, items []string) {
	if len(items) == 0 {
		return
	}
	fmt.Fprintf(b, "\n%d %s:", len(items), title)
	for _, item := range items[:min(len(items), listed)] {
		b.WriteString("\n  " + item)
	}
	if more := len(items) - listed; more > 0 {
		fmt.Fprintf(b, "\n  … and %d more", more)
	}
}
