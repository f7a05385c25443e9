// SPDX-License-Identifier: MIT

package inspect

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"seer/checkpoint"
	"seer/checkpoint/weights"
)

// TableOptions shape the text.
type TableOptions struct {
	// Summary leaves the tables of tensors out.
	Summary bool
}

// String is the report as text, tables included.
func (r *Report) String() string {
	var b bytes.Buffer
	_ = r.Write(&b, TableOptions{}) // a Buffer cannot fail
	return b.String()
}

// Write prints the report for people.
func (r *Report) Write(w io.Writer, opt TableOptions) error {
	p := &printer{w: w}
	if r.Kind != "file" {
		p.line("%s: %s", r.Path, r.Kind)
	}
	for _, c := range r.Checkpoints {
		p.line("  step %d: %s%s", c.Step, Size(c.Bytes), note(c.Problem))
	}
	for _, warning := range r.Warnings {
		p.line("warning: %s", warning)
	}
	for _, f := range r.Files {
		f.write(p, opt)
	}
	return p.err
}

func note(problem string) string {
	if problem == "" {
		return ""
	}
	return ", not complete: " + problem
}

func (f *File) write(p *printer, opt TableOptions) {
	p.line("%s: %s, %s", f.Path, f.Format, Size(f.Bytes))
	p.line("keys: %s", f.Keys)
	if f.Geometry == "" && len(f.Architectures) > 0 {
		p.line("architecture: %s", strings.Join(f.Architectures, " or "))
	}
	if f.Geometry != "" {
		known := "no known name"
		if len(f.Architectures) > 0 {
			known = strings.Join(f.Architectures, " or ")
		}
		p.line("architecture: %s (%s)", known, f.Geometry)
	}
	if f.Unknown != "" {
		p.line("warning: %s", f.Unknown)
	}
	for i, t := range f.Trunks {
		p.line("trunk: %q, %s, %s%s", t.Prefix, t.Style, strings.Join(t.Architectures, " or "), []string{"", "; --prefix takes it"}[min(i, 1)])
	}
	for _, key := range slices.Sorted(maps.Keys(f.Metadata)) {
		p.line("metadata: %s = %s", key, f.Metadata[key])
	}
	for _, key := range slices.Sorted(maps.Keys(f.Texts)) {
		p.line("beside the tensors: %s = %s", key, f.Texts[key])
	}
	for _, n := range f.Notes {
		p.line("note: %s", n)
	}
	for _, t := range f.Tensors {
		if n := f.NotFinite[t.Name]; n > 0 {
			p.line("warning: %s", weights.NotFinite(t.Name, n))
		}
	}
	if !opt.Summary {
		p.table(f.Tensors)
	}
	p.line("total: %d tensors, %s elements, of them %s parameters, %s",
		len(f.Tensors), Thousands(f.Elements), Thousands(f.Parameters), Size(f.TensorBytes))
}

// printer keeps the first error, so that the layout above reads as a list.
type printer struct {
	w   io.Writer
	err error
}

func (p *printer) line(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format+"\n", args...)
	}
}

func (p *printer) table(tensors []checkpoint.Info) {
	if p.err != nil {
		return
	}
	t := tabwriter.NewWriter(p.w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "NAME\tDTYPE\tSHAPE\tBYTES")
	for _, i := range tensors {
		fmt.Fprintf(t, "%s\t%s\t%v\t%d\n", i.Name, i.DType, i.Shape, i.Bytes())
	}
	p.err = t.Flush()
}

// Size writes a number of bytes in decimal units, as disks are sold and `ls -h
// --si` shows: 17600 is "17.6 kB".
func Size(n int64) string {
	if n < 1000 {
		return fmt.Sprintf("%d bytes", n)
	}
	value, unit := float64(n), ""
	for _, unit = range []string{"kB", "MB", "GB", "TB", "PB", "EB"} {
		if value /= 1000; value < 999.95 {
			break
		}
	}
	return fmt.Sprintf("%.1f %s", value, unit)
}

// Thousands writes a count with separators: 4344144 is "4,344,144".
func Thousands(n int64) string {
	digits := fmt.Sprint(n)
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
