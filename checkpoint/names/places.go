// SPDX-License-Identifier: MIT

package names

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
)

// Place is one trunk among the keys of a file: those of self-supervised programs
// hold two or more, such as a teacher and a student.
type Place struct {
	Prefix string `json:"prefix"` // what stands in front of its keys, such as "teacher.backbone."
	Style  Style  `json:"style"`  // the library most of its keys are spelled by
	Keys   int    `json:"keys"`   // how many it has
}

// findWrapped looks for trunks behind prefixes that nobody has listed. The keys of
// blocks are like nothing else, so they show the prefixes; below those, stem and
// classifier are found.
func findWrapped(keys []Key) {
	var prefixes []string
	seen := map[string]bool{}
	for _, k := range keys {
		if prefix, ok := blockPrefix(k); ok && !seen[prefix] {
			seen[prefix] = true
			prefixes = append(prefixes, prefix)
		}
	}
	// The longer one first: it may lie within the other.
	slices.SortFunc(prefixes, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	for i := range keys {
		if keys[i].Part != Other {
			continue
		}
		for _, prefix := range prefixes {
			if rest, ok := strings.CutPrefix(keys[i].Original, prefix); ok && keys[i].below(prefix, rest) {
				break
			}
		}
	}
}

// below translates a key without its prefix.
func (k *Key) below(prefix, rest string) bool {
	if k.translate(spellings(rest)); k.Part == Other {
		return false
	}
	k.Wrapper = prefix
	return true
}

// spellings are the forms that a key behind a prefix may have.
func spellings(rest string) []string {
	bare := inside.ReplaceAllString(rest, "")
	return append(candidates(bare), sequential(bare)...)
}

// blockStart are the first letters of a block's key in any style.
const blockStart = "ters_b01234"

// blockPrefix finds what stands in front of a key of a block, at any dot.
func blockPrefix(k Key) (string, bool) {
	if k.Part != Other {
		return "", false
	}
	for at := 0; ; {
		if rest := k.Original[at:]; rest != "" && strings.IndexByte(blockStart, rest[0]) >= 0 {
			var found Key
			found.Part = Other
			if found.translate(spellings(rest)); strings.HasPrefix(found.Common, "trunk_output.") {
				return k.Original[:at], true
			}
		}
		dot := strings.IndexByte(k.Original[at:], '.')
		if dot < 0 {
			return "", false
		}
		at += dot + 1
	}
}

// sequential undoes nn.Sequential(*model.children()), which numbers the parts of a
// trunk: torchvision's stem and trunk_output, or its stem and stages; timm's and
// pycls' stem and stages; transformers' embedder and encoder.
func sequential(bare string) []string {
	number, rest, ok := strings.Cut(bare, ".")
	if !ok || len(number) != 1 {
		return nil
	}
	stages := []string{"s" + number + "." + rest, "trunk_output.block" + number + "." + rest}
	switch number {
	case "0":
		return []string{"stem." + rest, "regnet.embedder." + rest}
	case "1":
		return append(stages, "trunk_output."+rest, "regnet.encoder."+rest)
	case "2", "3", "4":
		return stages
	}
	return nil
}

// ranks are the trunks that are preferred, and those that are not, by words in
// their prefixes. Averaged weights come first, as evaluation uses them: DINO's
// teacher, an EMA. Of the pairs of MoCo and BYOL, whose averaged half only makes
// targets, the trained half comes first.
var ranks = []struct {
	words *regexp.Regexp
	rank  int
}{
	{regexp.MustCompile(`(^|[._])(teacher|ema|averaged?|swa)([._]|$)`), 0},
	{regexp.MustCompile(`(^|[._])student([._]|$)`), 2},
	{regexp.MustCompile(`(^|[._])(encoder_k|key_encoder|k_encoder|target|momentum)([._]|$)`), 3},
}

// Rank is the place of a prefix among trunks that are equal otherwise, the preferred one's lowest.
func Rank(prefix string) int {
	for _, r := range ranks {
		if r.words.MatchString(prefix) {
			return r.rank
		}
	}
	return 1
}

// places lists the trunks among the keys, the preferred one first; of two equals
// the one with more keys, then the one that comes first.
func places(keys []Key) []Place {
	var found []Place
	position, votes := map[string]int{}, []map[Style]int{}
	whole := slices.ContainsFunc(keys, isBlock)
	for _, k := range keys {
		if k.Part != Trunk || whole && !isBlock(k) { // a lone stem beside a trunk is none
			continue
		}
		if _, known := position[k.Wrapper]; !known {
			if !whole && len(found) > 0 {
				continue // parts of one trunk, as far as one can tell
			}
			position[k.Wrapper] = len(found)
			found, votes = append(found, Place{Prefix: k.Wrapper}), append(votes, map[Style]int{})
		}
	}
	for _, k := range keys {
		if i, ok := position[k.Wrapper]; ok && k.Part == Trunk {
			found[i].Keys++
			for _, s := range k.Styles {
				votes[i][s]++
			}
		}
	}
	for i := range found {
		found[i].Style = winner(votes[i])
	}
	slices.SortStableFunc(found, func(a, b Place) int {
		return cmp.Or(cmp.Compare(Rank(a.Prefix), Rank(b.Prefix)), -cmp.Compare(a.Keys, b.Keys))
	})
	return found
}

func isBlock(k Key) bool { return k.Part == Trunk && strings.HasPrefix(k.Common, "trunk_output.") }

// winner is the style with the most votes. Ties go to the first: a list may have
// only keys that two styles share.
func winner(votes map[Style]int) Style {
	best := Unknown
	for _, s := range Styles() {
		if votes[s] > votes[best] {
			best = s
		}
	}
	return best
}
