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

// Common gives any known key its common name.
func Common(key string) Key {
	bare, wrapper := unwrap(key)
	k := Key{Original: key, Common: key, Part: Other, Wrapper: wrapper}
	if m := head.FindStringSubmatch(bare); m != nil && leaves[m[2]] {
		k.Common, k.Part = headName(m[1])+"."+m[2], Head
		return k
	}
	for _, candidate := range candidates(bare) {
		for _, s := range styles {
			common, ok := ToTorchvision(s.name, candidate)
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
			return k
		}
	}
	return k
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
	Style       Style // the library most keys are spelled by
	Keys        []Key // one for each key given, in its order
	Trunk       int   // how many keys belong to each part
	Classifier  int
	Head        int
	Other       int
	Explanation string // for people, one or two sentences
}

// Detect names the style of a state dict and explains it.
func Detect(keys []string) Detection {
	var d Detection
	votes := map[Style]int{}
	parts := map[Part]int{}
	for _, key := range keys {
		k := Common(key)
		d.Keys = append(d.Keys, k)
		parts[k.Part]++
		for _, s := range k.Styles {
			votes[s]++
		}
	}
	d.Trunk, d.Classifier, d.Head, d.Other = parts[Trunk], parts[Classifier], parts[Head], parts[Other]
	for _, s := range Styles() { // ties go to the first: a list may have only keys that two styles share
		if votes[s] > votes[d.Style] {
			d.Style = s
		}
	}
	d.Explanation = d.explain(keys)
	return d
}

func (d Detection) explain(keys []string) string {
	if d.Trunk == 0 {
		return "no key of a RegNetY trunk" + d.counts() + hint(keys)
	}
	text := fmt.Sprintf("%s keys of a RegNetY", d.Style)
	if i := slices.IndexFunc(d.Keys, func(k Key) bool { return k.Part == Trunk }); d.Keys[i].Wrapper != "" {
		text += fmt.Sprintf(" below %q", d.Keys[i].Wrapper)
	}
	return text + d.counts() + hint(keys)
}

func (d Detection) counts() string {
	return fmt.Sprintf(": %d of the trunk, %d of a classifier, %d of a SwAV head, %d others", d.Trunk, d.Classifier, d.Head, d.Other)
}

// hints recognise what people try to load by mistake.
var hints = []struct {
	match *regexp.Regexp
	text  string
}{
	{regexp.MustCompile(`flat_param`), "this is one shard of an FSDP run: consolidate it first, as VISSL's extra_scripts do"},
	{regexp.MustCompile(`(^|\.)layer[1-4]\.\d+\.conv\d\.`), "these are keys of a ResNet"},
	{regexp.MustCompile(`(^|\.)blocks\.\d+\.attn\.`), "these are keys of a vision transformer"},
	{regexp.MustCompile(`momentum_buffer|(^|\.)exp_avg`), "it holds an optimizer's state"},
}

func hint(keys []string) string {
	for _, h := range hints {
		if slices.ContainsFunc(keys, h.match.MatchString) {
			return "; " + h.text
		}
	}
	return ""
}
