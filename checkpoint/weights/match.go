// SPDX-License-Identifier: MIT

package weights

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"seer/checkpoint"
	"seer/checkpoint/names"
)

// Options say how strictly a file must fit.
type Options struct {
	// Arch is the model's name, for messages and advice.
	Arch string
	// Exact compares the keys as they are, for files that this program wrote
	// itself; otherwise they are translated to common names first.
	Exact bool
	// AllowMissing lets wanted tensors be absent, by name; nil allows none. Batch
	// norm's num_batches_tracked may always be: many exporters drop it.
	AllowMissing *regexp.Regexp
}

// Entry is one wanted tensor and where it comes from.
type Entry struct {
	Want   checkpoint.Info
	Source string // key in the file
}

// Plan says how to load a file into a model.
type Plan struct {
	Entries   []Entry         // in the order of the wanted tensors
	Missing   []string        // wanted, allowed to be absent, and absent
	LeftOut   []string        // keys of the file that the model has no part for
	Detection names.Detection // what the file is; empty when Exact
	file      *checkpoint.File
}

// Match plans the loading of a file into a model that has the wanted tensors,
// under common names. The error is a [*MismatchError] when they do not fit.
func Match(file *checkpoint.File, want []checkpoint.Info, opt Options) (*Plan, error) {
	m := &matcher{plan: &Plan{file: file}, opt: opt, wanted: map[string]bool{}, found: map[string]string{}}
	for _, w := range want {
		m.wanted[w.Name] = true
		m.wantsTrunk = m.wantsTrunk || names.Common(w.Name).Part == names.Trunk
	}
	problem := &MismatchError{Path: file.Path(), Arch: opt.Arch}
	m.assign(file.Infos(), problem)
	for _, w := range want {
		m.place(w, problem)
	}
	if problem.empty() {
		return m.plan, nil
	}
	problem.Found = m.plan.Detection.Explanation
	problem.Advice = m.advise(file.Infos())
	return nil, problem
}

type matcher struct {
	plan   *Plan
	opt    Options
	wanted map[string]bool
	found  map[string]string // common name to key of the file
	// wantsTrunk is false when only a head or a classifier is loaded; then a trunk
	// in the file is one of the parts to leave out.
	wantsTrunk bool
}

// assign gives every key of the file its common name, and sorts out what nobody
// wants.
func (m *matcher) assign(infos []checkpoint.Info, problem *MismatchError) {
	keys := m.keys(infos)
	home, hasHome := trunkWrapper(keys)
	for _, k := range keys {
		switch other, twice := m.found[k.Common]; {
		case twice:
			problem.Ambiguous = append(problem.Ambiguous, fmt.Sprintf("%s and %s both mean %s", other, k.Original, k.Common))
		case m.wanted[k.Common]:
			m.found[k.Common] = k.Original
		case tracked(k.Common) && m.wantsTrunk:
		case m.opt.Exact, m.wantsTrunk && (k.Part == names.Trunk || k.Part == names.Other && (!hasHome || strings.HasPrefix(k.Original, home))):
			problem.Unexpected = append(problem.Unexpected, k.Original)
		default:
			m.plan.LeftOut = append(m.plan.LeftOut, k.Original)
		}
	}
}

func (m *matcher) keys(infos []checkpoint.Info) []names.Key {
	originals := make([]string, len(infos))
	for i, info := range infos {
		originals[i] = info.Name
	}
	if !m.opt.Exact {
		m.plan.Detection = names.Detect(originals)
		return m.plan.Detection.Keys
	}
	keys := make([]names.Key, len(originals))
	for i, o := range originals {
		keys[i] = names.Key{Original: o, Common: o, Part: names.Other}
	}
	return keys
}

// trunkWrapper is what stands in front of the trunk's keys: an unknown key beside
// them belongs to the model, one elsewhere to an optimizer or a loss.
func trunkWrapper(keys []names.Key) (string, bool) {
	i := slices.IndexFunc(keys, func(k names.Key) bool { return k.Part == names.Trunk })
	if i < 0 {
		return "", false
	}
	return keys[i].Wrapper, true
}

// place finds the source of one wanted tensor.
func (m *matcher) place(want checkpoint.Info, problem *MismatchError) {
	source, ok := m.found[want.Name]
	if !ok {
		if tracked(want.Name) || m.opt.AllowMissing != nil && m.opt.AllowMissing.MatchString(want.Name) {
			m.plan.Missing = append(m.plan.Missing, want.Name)
			return
		}
		problem.Missing = append(problem.Missing, want.Name)
		return
	}
	have, _ := m.plan.file.Lookup(source)
	if !slices.Equal(have.Shape, want.Shape) || !convertible(have.DType, want.DType) {
		problem.Shapes = append(problem.Shapes, ShapeMismatch{Want: want, Have: have})
		return
	}
	m.plan.Entries = append(m.plan.Entries, Entry{want, source})
}

func tracked(name string) bool { return strings.HasSuffix(name, ".num_batches_tracked") }

// convertible: floating-point types widen or round to float32; anything else must
// agree.
func convertible(from, to checkpoint.DType) bool {
	floats := []checkpoint.DType{checkpoint.F64, checkpoint.F32, checkpoint.F16, checkpoint.BF16}
	return from == to || to == checkpoint.F32 && slices.Contains(floats, from)
}

// Read loads the tensor of entry i under its wanted name and in its wanted dtype.
// Values that are not finite are an error: one of them makes every feature that
// depends on it worthless.
func (p *Plan) Read(i int) (checkpoint.Tensor, error) {
	entry := p.Entries[i]
	t, err := p.file.Read(entry.Source)
	if err != nil {
		return checkpoint.Tensor{}, err
	}
	if n := checkpoint.NotFinite(t.DType, t.Data); n > 0 {
		return checkpoint.Tensor{}, fmt.Errorf("%s: %s; the training that wrote it diverged: take an earlier checkpoint (seer inspect lists all such tensors)",
			p.file.Path(), NotFinite(entry.Source, n))
	}
	if t.DType == entry.Want.DType {
		t.Name = entry.Want.Name
		return t, nil
	}
	values, err := t.Float32()
	if err != nil {
		return checkpoint.Tensor{}, fmt.Errorf("%s: %w", p.file.Path(), err)
	}
	single, err := checkpoint.FromFloat32(entry.Want.Name, values, t.Shape...)
	if n := checkpoint.NotFinite(single.DType, single.Data); err == nil && n > 0 {
		err = fmt.Errorf("%s: %s as float32, which is what seer computes with", p.file.Path(), NotFinite(entry.Source, n))
	}
	return single, err
}

// NotFinite is like `stem.0.weight holds 2 values that are not finite`.
func NotFinite(name string, n int64) string {
	if n == 1 {
		return name + " holds 1 value that is not finite"
	}
	return fmt.Sprintf("%s holds %d values that are not finite", name, n)
}

// Rename gives tensors with common names the names of another library, to export
// them; the data are shared.
func Rename(tensors []checkpoint.Tensor, style names.Style) ([]checkpoint.Tensor, error) {
	renamed := slices.Clone(tensors)
	for i, t := range renamed {
		name, ok := names.FromTorchvision(style, t.Name)
		if !ok {
			return nil, fmt.Errorf("tensor %q has no name in %s; styles are %v", t.Name, style, names.Styles())
		}
		renamed[i].Name = name
	}
	return renamed, nil
}
