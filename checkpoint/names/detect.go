// SPDX-License-Identifier: MIT

package names

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Part is what a tensor belongs to.
type Part string

// The parts of a checkpoint.
const (
	Trunk      Part = "trunk"
	Classifier Part = "classifier"
	Head       Part = "SwAV head"
	Other      Part = "other"
)

// Key is what [Common] finds out about one key.
type Key struct {
	Original string
	Common   string  // torchvision's name, or projection_head.N.… and prototypesN.…; Original when Part is Other
	Part     Part    // what it belongs to
	Styles   []Style // the styles that spell it so; none for a head
	Wrapper  string  // what was removed in front, such as "module."
}

// wrappers are segments that programs put in front of a model's own names.
var wrappers = []string{
	"classy_state_dict", "base_model", "model_state_dict", "state_dict", "model", "module", "trunk", "backbone",
	// inside a model: torch.compile, FairScale FSDP, PyTorch FSDP
	"_orig_mod", "_fpw_module", "_fsdp_wrapped_module",
}

// inside matches wrappers that stand between a model's segments too.
var inside = regexp.MustCompile(`(?:\b_fpw_module|\b_fsdp_wrapped_module|\b_orig_mod)\.`)

// head matches the keys of SwAV's head in VISSL ("heads.0.projection_head.…"),
// in the paper's own code ("projection_head.…", "prototypes.weight") and here.
var head = regexp.MustCompile(`^(?:heads?\.)?(?:0\.)?(projection_head\.\d+|prototypes(?:\.prototypes)?\d*)\.(\w+)$`)

// Common gives any known key its common name, as far as one key alone tells.
// [Detect] knows more.
func Common(key string) Key {
	bare, wrapper := unwrap(key)
	k := Key{Original: key, Common: key, Part: Other, Wrapper: wrapper}
	if m := head.FindStringSubmatch(bare); m != nil && leaves[m[2]] {
		k.Common, k.Part = headName(m[1])+"."+m[2], Head
		return k
	}
	k.translate(candidates(bare))
	return k
}

// translate tries spellings of a key without its wrapper, and keeps the first that
// some style has.
func (k *Key) translate(spellings []string) {
	for _, spelling := range spellings {
		for _, s := range styles {
			common, ok := ToTorchvision(s.name, spelling)
			if !ok {
				continue
			}
			k.Common, k.Part = common, Trunk
			if strings.HasPrefix(common, "fc.") {
				k.Part = Classifier
			}
			k.Styles = append(k.Styles, s.name)
		}
		if k.Part != Other {
			return
		}
	}
}

// candidates are the bare key and the forms it has when only a part of a model
// was saved: transformers' trunk without "regnet.", VISSL's after its own
// "convert to torchvision" script, which drops "_feature_blocks.".
func candidates(bare string) []string {
	list := []string{bare}
	switch {
	case strings.HasPrefix(bare, "embedder."), strings.HasPrefix(bare, "encoder."):
		list = append(list, "regnet."+bare)
	case strings.HasPrefix(bare, "conv1."), strings.HasPrefix(bare, "res"):
		list = append(list, "_feature_blocks."+bare)
	case strings.HasPrefix(bare, "0.clf."):
		list = append(list, "heads."+bare)
	}
	return list
}

// headName: prototypes.weight and prototypes.prototypes0.weight are both the
// first set of prototypes.
func headName(module string) string {
	number, ok := strings.CutPrefix(strings.TrimPrefix(module, "prototypes."), "prototypes")
	if !ok {
		return module
	}
	return "prototypes" + cmp.Or(number, "0")
}

// unwrap removes the segments of wrappers.
func unwrap(key string) (bare, wrapper string) {
	bare = key
	for {
		segment, rest, ok := strings.Cut(bare, ".")
		if !ok || !slices.Contains(wrappers, segment) {
			break
		}
		bare = rest
	}
	wrapper = key[:len(key)-len(bare)]
	return inside.ReplaceAllString(bare, ""), wrapper
}

// Detection is what a list of keys turned out to be.
type Detection struct {
	Style       Style   // the library most keys of the first trunk are spelled by
	Keys        []Key   // one for each key given, in its order
	Trunks      []Place // the trunks among them, in the order of preference
	Trunk       int     // how many keys belong to each part; of the trunks, to the first
	Classifier  int
	Head        int
	Other       int
	Explanation string // for people, one or two sentences
}

// Detect names the style of a state dict and explains it.
func Detect(keys []string) Detection {
	var d Detection
	for _, key := range keys {
		d.Keys = append(d.Keys, Common(key))
	}
	findWrapped(d.Keys)
	d.Trunks = places(d.Keys)
	var first Place
	if len(d.Trunks) > 0 {
		first = d.Trunks[0]
	}
	return d.In(first)
}

// In is the detection as seen from another of its trunks.
func (d Detection) In(p Place) Detection {
	parts := map[Part]int{}
	for _, k := range d.Keys {
		if k.Part != Trunk || len(d.Trunks) <= 1 || k.Wrapper == p.Prefix {
			parts[k.Part]++
		}
	}
	d.Style = p.Style
	d.Trunk, d.Classifier, d.Head, d.Other = parts[Trunk], parts[Classifier], parts[Head], parts[Other]
	d.Explanation = d.explain(p)
	return d
}

func (d Detection) explain(p Place) string {
	if d.Trunk == 0 {
		return "no key of a RegNet trunk" + d.counts() + hint(d.Keys)
	}
	text := fmt.Sprintf("%s keys of a %s", d.Style, d.family(p))
	if p.Prefix != "" {
		text += fmt.Sprintf(" below %q", p.Prefix)
	}
	text += d.counts() + hint(d.Keys)
	for _, other := range d.Trunks {
		if other.Prefix != p.Prefix {
			text += fmt.Sprintf("; another trunk below %q", other.Prefix)
		}
	}
	return text
}

// family is RegNetY where there is squeeze-and-excitation, RegNetX where a block is complete without.
func (d Detection) family(p Place) string {
	family := "RegNet"
	for _, k := range d.Keys {
		switch {
		case k.Wrapper != p.Prefix:
		case strings.Contains(k.Common, ".f.se."):
			return "RegNetY"
		case strings.Contains(k.Common, ".f.c."):
			family = "RegNetX"
		}
	}
	return family
}

func (d Detection) counts() string {
	return fmt.Sprintf(": %d of the trunk, %d of a classifier, %d of a SwAV head, %d others", d.Trunk, d.Classifier, d.Head, d.Other)
}
