// SPDX-License-Identifier: MIT

package weights

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"seer/checkpoint"
	"seer/checkpoint/names"
	"seer/models/arch"
	"seer/models/sketch"
)

// Networks that are no RegNet have the names of their source here. A file of them is looked up by the wanted names
// themselves, behind whatever prefix has the most of them, or as timm spells a transformer's.

// spelling turns a key without prefix into a wanted name; false where it has none of its own.
type spelling struct {
	style  names.Style
	common func(key string) (string, bool)
}

var spellings = []spelling{
	{names.Torchvision, legacy},
	{names.Timm, transformer},
}

// legacy keeps a key, but for the perceptrons of torchvision's transformers before 0.13.
func legacy(key string) (string, bool) {
	return strings.NewReplacer(".mlp.linear_1.", ".mlp.0.", ".mlp.linear_2.", ".mlp.3.").Replace(key), true
}

// timmLayer finds number and rest of a layer's key.
var timmLayer = regexp.MustCompile(`^blocks\.(\d+)\.(.+)$`)

// timmInner and timmOuter are the beginnings of timm's names inside a layer and outside, and torchvision's.
var (
	timmInner = [][2]string{
		{"norm1.", "ln_1."}, {"norm2.", "ln_2."}, {"attn.qkv.", "self_attention.in_proj_"},
		{"attn.proj.", "self_attention.out_proj."}, {"mlp.fc1.", "mlp.0."}, {"mlp.fc2.", "mlp.3."},
	}
	timmOuter = [][2]string{
		{"cls_token", "class_token"}, {"pos_embed", "encoder.pos_embedding"}, {"patch_embed.proj.", "conv_proj."},
		{"norm.", "encoder.ln."}, {"head.", "heads.head."},
	}
)

func transformer(key string) (string, bool) {
	if m := timmLayer.FindStringSubmatch(key); m != nil {
		inner, ok := begin(m[2], timmInner)
		return "encoder.layers.encoder_layer_" + m[1] + "." + inner, ok
	}
	return begin(key, timmOuter)
}

func begin(key string, table [][2]string) (string, bool) {
	for _, row := range table {
		if rest, ok := strings.CutPrefix(key, row[0]); ok {
			return row[1] + rest, true
		}
	}
	return "", false
}

// isPlain tells whether a trunk is wanted that is no RegNet.
func isPlain(want []checkpoint.Info) bool {
	return slices.ContainsFunc(want, func(w checkpoint.Info) bool { return names.Common(w.Name).Part == names.Other })
}

// Recognise names the architectures, other than RegNets, of which a file holds a whole trunk below a prefix.
func Recognise(file *checkpoint.File, prefix string) []string {
	var found []string
	for _, name := range arch.Names() {
		network, err := arch.Lookup(name)
		if err != nil {
			continue
		}
		want := wanted(network)
		if !isPlain(want) {
			continue
		}
		if _, err := Match(file, want, MatchOptions{Prefix: prefix}); err == nil {
			found = append(found, name)
		}
	}
	return found
}

// wanted is what a trunk takes of a file.
func wanted(n sketch.Network) []checkpoint.Info {
	var infos []checkpoint.Info
	for _, e := range sketch.Manifest(n) {
		if !e.Integer {
			infos = append(infos, checkpoint.Info{Name: e.Name, DType: checkpoint.F32, Shape: e.Shape})
		}
	}
	return infos
}

// vote is a way to read a file, and how many wanted names it finds.
type vote struct {
	prefix string
	by     int // of spellings
	found  int
}

// plainKeys finds the prefix and the spelling, and gives the keys their names. Keys beside the prefix are left out.
func (m *matcher) plainKeys(infos []checkpoint.Info) []names.Key {
	v := m.elect(infos)
	m.wantsTrunk = true
	m.place = names.Place{Prefix: v.prefix, Style: spellings[v.by].style, Keys: v.found}
	var keys []names.Key
	for _, info := range infos {
		rest, ok := strings.CutPrefix(info.Name, v.prefix)
		if !ok {
			m.plan.LeftOut = append(m.plan.LeftOut, info.Name)
			continue
		}
		k := names.Key{Original: info.Name, Common: rest, Part: names.Other, Wrapper: v.prefix}
		common, ok := spellings[v.by].common(rest)
		if _, wanted := m.wanted[common]; ok && wanted {
			k.Common, k.Part = common, names.Trunk
		}
		keys = append(keys, k)
	}
	others := len(infos) - v.found
	m.plan.Detection = names.Detection{Style: m.place.Style, Trunk: v.found, Other: others, Explanation: fmt.Sprintf(
		"%d of its keys have names of %s below %q, %d are others", v.found, cmp.Or(m.opt.Arch, "the model"), v.prefix, others)}
	return keys
}

// elect counts what each way to read the file finds. Of equals the preferred prefix wins: averaged weights first.
func (m *matcher) elect(infos []checkpoint.Info) vote {
	found := map[vote]int{}
	for _, info := range infos {
		for at := 0; at >= 0; at = next(info.Name, at) {
			for by, s := range spellings {
				common, ok := s.common(info.Name[at:])
				if _, wanted := m.wanted[common]; ok && wanted && m.allows(info.Name[:at]) {
					found[vote{prefix: info.Name[:at], by: by}]++
				}
			}
		}
	}
	best := vote{}
	for v, n := range found {
		v.found = n
		if best.found == 0 || better(v, best) {
			best = v
		}
	}
	return best
}

// next is where the part of a key behind its next dot begins, -1 behind the last.
func next(key string, at int) int {
	dot := strings.IndexByte(key[at:], '.')
	if dot < 0 {
		return -1
	}
	return at + dot + 1
}

// allows compares a prefix with the one that was asked for.
func (m *matcher) allows(prefix string) bool {
	asked := strings.TrimSuffix(m.opt.Prefix, ".")
	return asked == "" || prefix == asked+"." || strings.HasPrefix(prefix, asked+".")
}

func better(a, b vote) bool {
	return cmp.Or(cmp.Compare(b.found, a.found), cmp.Compare(names.Rank(a.prefix), names.Rank(b.prefix)),
		strings.Compare(a.prefix, b.prefix), cmp.Compare(a.by, b.by)) < 0
}
