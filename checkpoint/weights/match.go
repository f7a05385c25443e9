// SPDX-License-Identifier: MIT

package weights

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"seer/checkpoint"
	"seer/checkpoint/names"
)

// MatchOptions say how strictly a file must fit.
type MatchOptions struct {
	// Arch is the model's name, for messages and advice.
	Arch string
	// Exact compares the keys as they are, for files that this program wrote
	// itself; otherwise they are translated to common names first.
	Exact bool
	// AllowMissing lets wanted tensors be absent, by name; nil allows none. Batch
	// norm's num_batches_tracked may always be: many exporters drop it.
	AllowMissing *regexp.Regexp
	// Prefix chooses among several trunks of a file by what stands in front of their
	// keys, such as "student."; empty takes the first that fits, in the order of
	// package names.
	Prefix string
}

// Entry is one wanted tensor and where it comes from.
type Entry struct {
	Want   checkpoint.Info
	Source string // key in the file
}

// Mapping says how to load a file into a model.
type Mapping struct {
	Entries   []Entry         // in the order of the wanted tensors
	Missing   []string        // wanted, allowed to be absent, and absent
	LeftOut   []string        // keys of the file that the model has no part for
	Notes     []string        // what a user should know: which trunk was taken, what was ignored
	Detection names.Detection // what the file is; empty when Exact
	file      *checkpoint.File
}

// Match plans the loading of a file into a model that has the wanted tensors,
// under common names. The error is a [*MismatchError] when they do not fit.
func Match(file *checkpoint.File, want []checkpoint.Info, opt MatchOptions) (*Mapping, error) {
	m := &matcher{plan: &Mapping{file: file}, opt: opt, wanted: map[string]checkpoint.Info{}, found: map[string]string{}}
	for _, w := range want {
		m.wanted[w.Name] = w
		m.wantsTrunk = m.wantsTrunk || names.Common(w.Name).Part == names.Trunk
	}
	m.plain = !opt.Exact && isPlain(want)
	keys, err := m.keys(file.Infos())
	if err != nil {
		return nil, err
	}
	problem := &MismatchError{Path: file.Path(), Arch: opt.Arch}
	m.assign(keys, problem)
	for _, w := range want {
		m.source(w, problem)
	}
	if problem.empty() {
		return m.plan, nil
	}
	problem.Found = m.plan.Detection.Explanation
	problem.Advice = m.advise(problem)
	return nil, problem
}

type matcher struct {
	plan   *Mapping
	opt    MatchOptions
	wanted map[string]checkpoint.Info
	found  map[string]string // common name to key of the file
	place  names.Place       // the trunk that is taken
	// wantsTrunk is false when only a head or a classifier is loaded; then a trunk
	// in the file is one of the parts to leave out.
	wantsTrunk bool
	plain      bool // that trunk is no RegNet
}

// keys gives every key of the file its common name, and chooses a trunk.
func (m *matcher) keys(infos []checkpoint.Info) ([]names.Key, error) {
	if m.opt.Exact {
		keys := make([]names.Key, len(infos))
		for i, info := range infos {
			keys[i] = names.Key{Original: info.Name, Common: info.Name, Part: names.Other}
		}
		return keys, nil
	}
	if m.plain {
		return m.plainKeys(infos), nil
	}
	d := detect(infos)
	m.plan.Detection = d
	candidates := below(d.Trunks, m.opt.Prefix)
	if m.opt.Prefix != "" && len(candidates) == 0 {
		return nil, fmt.Errorf("%s has no trunk of a RegNet below %q: %s", m.plan.file.Path(), m.opt.Prefix, d.Explanation)
	}
	if len(candidates) == 0 {
		return d.Keys, nil
	}
	m.place = m.choose(candidates, d.Keys)
	m.plan.Detection = d.In(m.place)
	if m.place.Style == names.Pycls && m.wantsTrunk {
		m.note("the names are pycls'; its published models take images with blue first, so their first convolution expects that")
	}
	if len(d.Trunks) > 1 && m.wantsTrunk {
		m.note("took the trunk below %q; %s", m.place.Prefix, others(d.Trunks, m.place))
	}
	return d.Keys, nil
}

// others says which trunks were not taken, and how to take one.
func others(all []names.Place, taken names.Place) string {
	var prefixes []string
	for _, p := range all {
		if p.Prefix != taken.Prefix {
			prefixes = append(prefixes, strconv.Quote(p.Prefix))
		}
	}
	return fmt.Sprintf("--prefix chooses another: %s", strings.Join(prefixes, ", "))
}

func (m *matcher) note(format string, args ...any) {
	m.plan.Notes = append(m.plan.Notes, m.plan.file.Path()+": "+fmt.Sprintf(format, args...))
}

// choose takes the first trunk that fits, or else the first, whose misfit is then
// explained.
func (m *matcher) choose(candidates []names.Place, keys []names.Key) names.Place {
	for _, p := range candidates {
		if m.fits(p, keys) {
			return p
		}
	}
	return candidates[0]
}

// fits tells whether a trunk has every tensor that is wanted of one, and no other.
func (m *matcher) fits(p names.Place, keys []names.Key) bool {
	missing := map[string]bool{}
	for name := range m.wanted {
		if names.Common(name).Part == names.Trunk && !tracked(name) {
			missing[name] = true
		}
	}
	for i, k := range keys {
		if k.Part != names.Trunk || k.Wrapper != p.Prefix || tracked(k.Common) {
			continue
		}
		if !missing[k.Common] || !agree(m.plan.file.Infos()[i], m.wanted[k.Common]) {
			return false
		}
		delete(missing, k.Common)
	}
	return len(missing) == 0
}

// assign sorts out what nobody wants.
func (m *matcher) assign(keys []names.Key, problem *MismatchError) {
	home, hasHome := m.home(keys)
	var junk []string
	for _, k := range keys {
		_, wanted := m.wanted[k.Common]
		switch other, twice := m.found[k.Common]; {
		case m.elsewhere(k):
			m.plan.LeftOut = append(m.plan.LeftOut, k.Original)
		case twice:
			problem.Ambiguous = append(problem.Ambiguous, fmt.Sprintf("%s and %s both mean %s", other, k.Original, k.Common))
		case wanted:
			m.found[k.Common] = k.Original
		case tracked(k.Common) && m.wantsTrunk:
		case !m.opt.Exact && measured(k.Original):
			junk = append(junk, k.Original)
		case m.opt.Exact, m.wantsTrunk && m.belongs(k, home, hasHome):
			problem.Unexpected = append(problem.Unexpected, k.Original)
		default:
			m.plan.LeftOut = append(m.plan.LeftOut, k.Original)
		}
	}
	if len(junk) > 0 {
		m.note("ignored %s that no model has (%s)", count(len(junk), "key"), firstOf(junk))
		m.plan.LeftOut = append(m.plan.LeftOut, junk...)
	}
}

// elsewhere tells the keys of a trunk that was not taken.
func (m *matcher) elsewhere(k names.Key) bool {
	if m.opt.Exact || len(m.plan.Detection.Trunks) < 2 || k.Wrapper == m.place.Prefix {
		return false
	}
	return k.Part == names.Trunk || k.Part == names.Classifier &&
		slices.ContainsFunc(m.plan.Detection.Trunks, func(p names.Place) bool { return p.Prefix == k.Wrapper })
}

// belongs tells whether a key that nobody wants is one of the model's own: an
// unknown key beside the trunk's, unless it is a head's or of what programs keep
// beside a model.
func (m *matcher) belongs(k names.Key, home string, hasHome bool) bool {
	if k.Part != names.Other {
		return k.Part == names.Trunk
	}
	rest, ok := strings.CutPrefix(k.Original, home)
	return !hasHome || ok && !beside.MatchString(rest)
}

// beside are the parts that training programs put on top of a trunk, or next to it.
var beside = regexp.MustCompile(`^(fc|heads?|classifier|linear|last_layer|mlp|neck|norm|pool(er)?|final_conv|avg_?pool|queue\w*|` +
	`proj(ect(ion|or))?(_?(head|mlp))?|predict(ion|or)(_?(head|mlp))?|(projection|prediction)_\w+|prototypes\w*|` +
	`optimizer\w*|optim|scaler|(lr_)?scheduler\w*|loss\w*|criterion|rng\w*|\w*rng_state\w*|epoch|step)(\.|$)`)

// measured tells the counters that profilers and pruning leave in a model.
func measured(key string) bool {
	last := key[strings.LastIndexByte(key, '.')+1:]
	switch last {
	case "total_ops", "total_params", "weight_mask", "bias_mask":
		return true
	}
	return false
}

// home is what stands in front of the trunk's keys: an unknown key beside them
// belongs to the model, one elsewhere to an optimizer or a loss.
func (m *matcher) home(keys []names.Key) (string, bool) {
	if m.place.Keys > 0 {
		return m.place.Prefix, true
	}
	return trunkWrapper(keys)
}

func trunkWrapper(keys []names.Key) (string, bool) {
	i := slices.IndexFunc(keys, func(k names.Key) bool { return k.Part == names.Trunk })
	if i < 0 {
		return "", false
	}
	return keys[i].Wrapper, true
}

// source finds the tensor of the file for one that is wanted.
func (m *matcher) source(want checkpoint.Info, problem *MismatchError) {
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
	if !agree(have, want) {
		problem.Shapes = append(problem.Shapes, ShapeMismatch{Want: want, Have: have})
		return
	}
	m.plan.Entries = append(m.plan.Entries, Entry{want, source})
}

func agree(have, want checkpoint.Info) bool {
	return slices.Equal(have.Shape, want.Shape) && convertible(have.DType, want.DType)
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
func (p *Mapping) Read(i int) (checkpoint.Tensor, error) {
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
	if style == names.Torchvision {
		return tensors, nil // which they have, or those of their source
	}
	renamed := slices.Clone(tensors)
	for i, t := range renamed {
		name, ok := names.FromTorchvision(style, t.Name)
		if !ok {
			return nil, fmt.Errorf("tensor %q has no name in %s; styles are %v", t.Name, style, names.Styles())
		}
		renamed[i].Name = name
	}
	if !slices.ContainsFunc(tensors, func(t checkpoint.Tensor) bool { return strings.Contains(t.Name, ".f.se.") }) {
		for i := range renamed {
			renamed[i].Name = names.Plain(style, renamed[i].Name)
		}
	}
	return renamed, nil
}
