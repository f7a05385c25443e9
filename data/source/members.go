// SPDX-License-Identifier: MIT

package source

import (
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// selection says which files of a source are its images, by their names.
type selection struct {
	extensions []string
	take       []pattern // nil takes whatever ends like an image
	leave      []pattern
}

// pattern is one entry of [Location.Members].
type pattern struct {
	text  string // lower case
	parts int    // folders and name that it speaks of
	plain bool   // no wildcard: an ending, or a whole name
}

func (spec *Location) selection() (selection, error) {
	s := selection{extensions: spec.extensions()}
	for _, text := range spec.Members {
		p, leave := strings.CutPrefix(text, "!")
		made, err := newPattern(p)
		if err != nil {
			return s, fmt.Errorf("data: data.members: %q: %w; write endings (\"jpg\"), patterns (\"*.jpg\", \"images/*\") or exceptions (\"!*.seg.png\")", text, err)
		}
		if leave {
			s.leave = append(s.leave, made)
		} else {
			s.take = append(s.take, made)
		}
	}
	return s, nil
}

func newPattern(text string) (pattern, error) {
	p := pattern{text: strings.Trim(strings.ToLower(text), "/"), plain: !strings.ContainsAny(text, `*?[\/`)}
	p.parts = strings.Count(p.text, "/") + 1
	if p.text == "" {
		return p, fmt.Errorf("the pattern is empty")
	}
	_, err := path.Match(p.text, "")
	return p, err
}

// chosen says whether the patterns allow a file; without any they do.
func (s *selection) chosen(name string) bool {
	match := func(p pattern) bool { return p.matches(name) }
	return (s.take == nil || slices.ContainsFunc(s.take, match)) && !slices.ContainsFunc(s.leave, match)
}

// matches compares the end of a path, as many folders of it as the pattern has.
// Images may be compressed once more, and case does not count.
func (p pattern) matches(name string) bool {
	name = strings.ToLower(name)
	unpacked, _ := splitCompression(name)
	if p.plain {
		return slices.ContainsFunc([]string{name, unpacked}, func(n string) bool {
			_, ext := splitKey(n)
			return ext == "."+strings.TrimPrefix(p.text, ".") || baseName(n) == p.text
		})
	}
	for _, n := range []string{name, unpacked} {
		if ok, _ := path.Match(p.text, lastParts(n, p.parts)); ok {
			return true
		}
	}
	return false
}

// lastParts is the end of a path from its n-th slash from behind.
func lastParts(name string, n int) string {
	for i := len(name) - 1; i >= 0; i-- {
		if name[i] == '/' {
			if n--; n == 0 {
				return name[i+1:]
			}
		}
	}
	return name
}

// What is no image by its name is counted as one of these, or as its ending.
const (
	notChosen = "not chosen by data.members"
	isHidden  = "hidden"
	noEnding  = "without an ending"
)

// why says why a file is left out; "" where it is an image. What a pattern
// chooses is one if it ends like one, has no ending at all, or the very ending
// that the pattern spells: "*" must not make an image of a README.txt.
func (s *selection) why(name string, packed bool) string {
	base := baseName(name)
	if packed {
		base, _ = splitCompression(base)
	}
	ext := strings.ToLower(filepath.Ext(base))
	image := ext != "" && slices.Contains(s.extensions, ext)
	spelled := func(p pattern) bool {
		return p.matches(name) && (ext == "" || strings.HasSuffix("."+p.text, ext))
	}
	switch {
	case !image && !slices.ContainsFunc(s.take, spelled):
		return ending(baseName(name))
	case !s.chosen(name):
		return notChosen
	}
	return ""
}

// longestEnding keeps what is no ending ("v1.2 of the final draft") from filling the counts.
const longestEnding = 16

// hiddenPath says whether a file or a folder above it is hidden: they hold what
// other programs keep there, previews and shadows of the images above all.
func hiddenPath(name string) bool {
	for part := range strings.SplitSeq(name, "/") {
		if strings.HasPrefix(part, ".") && part != "." && part != ".." {
			return true
		}
	}
	return false
}
