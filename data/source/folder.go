// SPDX-License-Identifier: MIT

package source

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"seer/data/index"
)

// folderScan walks a folder of images in the bytewise order of their paths.
//
// Links to files and folders are followed, as torchvision follows them; a link
// to a folder that it lies in is not. Hidden files and folders are left out:
// they hold what other programs keep there, previews above all.
type folderScan struct {
	scanner
	b       *index.Builder
	root    string
	classes []string
	// chain holds the folders that the walk is in, to recognise circles.
	chain []os.FileInfo
	// skipped counts what was found and is no image, by ending or kind.
	skipped   counts
	selection selection
}

func (s *folderScan) layout() index.Layout { return index.Layout{Labels: s.spec.Labels} }

func (s *folderScan) into(b *index.Builder) (index.Meta, error) {
	root, err := filepath.Abs(s.spec.Path)
	if err != nil {
		return index.Meta{}, fmt.Errorf("data: %w", err)
	}
	if s.selection, err = s.spec.selection(); err != nil {
		return index.Meta{}, err
	}
	s.b, s.root, s.skipped = b, root, counts{}
	if err := s.folder("", -1); err != nil {
		return index.Meta{}, err
	}
	s.done(b.Len())
	if b.Len() == 0 {
		return index.Meta{}, s.emptyError()
	}
	return index.Meta{Kind: "files", Root: root, Classes: s.classes, Members: s.spec.Members, Skipped: s.skipped}, nil
}

// folder lists one folder; rel is its path below the root, "" for the root.
func (s *folderScan) folder(rel string, label int32) error {
	if err := s.ctx.Err(); err != nil {
		return fmt.Errorf("data: listing %s: %w", s.spec.Path, context.Cause(s.ctx))
	}
	path := filepath.Join(s.root, rel)
	st, err := os.Stat(path)
	if err != nil {
		return s.passOver(rel, err)
	}
	if slices.ContainsFunc(s.chain, func(up os.FileInfo) bool { return os.SameFile(up, st) }) {
		s.skipped.add("circular links", rel)
		return nil
	}
	s.chain = append(s.chain, st)
	defer func() { s.chain = s.chain[:len(s.chain)-1] }()

	children, err := s.children(rel)
	if err != nil {
		return s.passOver(rel, err)
	}
	for _, c := range children {
		if err := s.child(rel, c, label); err != nil {
			return err
		}
	}
	return nil
}

// passOver counts a folder that cannot be listed. The source itself must be, and
// a disk or a network that fails must not make the data set smaller.
func (s *folderScan) passOver(rel string, err error) error {
	what := folderTrouble(err)
	if rel == "" || what == "" {
		return fmt.Errorf("data: listing images: %w", err)
	}
	s.skipped.add(what, rel)
	return nil
}

func (s *folderScan) child(rel string, c entry, label int32) error {
	path := join(rel, c.name)
	why := c.why
	if !c.dir && why == "" {
		why = s.selection.why(path, false)
	}
	switch {
	case why != "":
		s.skipped.add(why, path)
		return nil
	case c.dir && rel == "" && s.spec.Labels:
		return s.class(path)
	case c.dir:
		return s.folder(path, label)
	case s.spec.Labels && rel == "":
		s.skipped.add("images outside the class folders", path)
		return nil
	}
	if err := s.b.Add(index.Entry{Name: []byte(path), Label: label}); err != nil {
		return fmt.Errorf("data: %s: %w", s.root, err)
	}
	return s.tick(s.b.Len(), path)
}

// class lists a folder right below the root, which is a label of its own. An
// empty one is an error as in torchvision: it would shift no labels here, but
// the classifier would be built for a class that it never sees.
func (s *folderScan) class(name string) error {
	before, skipped := s.b.Len(), s.skipped
	s.classes, s.skipped = append(s.classes, name), counts{}
	if err := s.folder(name, int32(len(s.classes)-1)); err != nil {
		return err
	}
	if s.b.Len() == before {
		return fmt.Errorf("data: %s: the class folder %q holds no images (%s); fill it or move it away", s.root, name, s.endings())
	}
	skipped.merge(s.skipped, "")
	s.skipped = skipped
	return nil
}

// children lists a folder so that walking it in order yields whole paths in
// bytewise order: a folder sorts as if its name ended in a slash.
func (s *folderScan) children(rel string) ([]entry, error) {
	out, err := readFolder(filepath.Join(s.root, rel))
	if err != nil {
		return nil, err
	}
	slices.SortFunc(out, compareChildren)
	return out, nil
}

func join(rel, name string) string {
	if rel == "" {
		return name
	}
	return rel + "/" + name
}

func compareChildren(a, b entry) int {
	// Names differ within a folder; only a prefix can meet the added slash.
	if c := strings.Compare(a.name, b.name); !a.dir && !b.dir {
		return c
	}
	key := func(c entry) string {
		if c.dir {
			return c.name + "/"
		}
		return c.name
	}
	return strings.Compare(key(a), key(b))
}

func (s *folderScan) emptyError() error {
	hint := "allowed endings are " + strings.Join(s.spec.extensions(), " ")
	switch {
	case s.spec.Labels && len(s.classes) == 0:
		hint = "labels are asked for, and every class must be a folder of its own in it; it has no folders"
	case s.skipped[".tar"].N > 0:
		hint = fmt.Sprintf("to read its tar shards name their folder, here that of %s, with data.kind = \"tar\"", s.skipped[".tar"].First)
	case s.skipped[noEnding].N > 0:
		hint += "; if the files without an ending are images, set data.members = \"*\""
	}
	return fmt.Errorf("data: folder %s holds no images (%s); %s", s.root, s.endings(), hint)
}

// endings says what was found in place of images, the most frequent first.
func (s *folderScan) endings() string {
	if len(s.skipped) == 0 {
		return "it is empty"
	}
	return "found: " + s.skipped.text(5, false)
}
