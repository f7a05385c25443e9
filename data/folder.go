// SPDX-License-Identifier: MIT

package data

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"maps"
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
	skipped map[string]int
}

func (s *folderScan) layout() index.Layout { return index.Layout{Labels: s.spec.Labels} }

func (s *folderScan) into(b *index.Builder) (index.Meta, error) {
	root, err := filepath.Abs(s.spec.Path)
	if err != nil {
		return index.Meta{}, fmt.Errorf("data: %w", err)
	}
	s.b, s.root, s.skipped = b, root, map[string]int{}
	if err := s.folder("", -1); err != nil {
		return index.Meta{}, err
	}
	s.done(b.Len())
	if b.Len() == 0 {
		return index.Meta{}, s.emptyError()
	}
	return index.Meta{Kind: "files", Root: root, Classes: s.classes}, nil
}

// folder lists one folder; rel is its path below the root, "" for the root.
func (s *folderScan) folder(rel string, label int32) error {
	if err := s.ctx.Err(); err != nil {
		return fmt.Errorf("data: listing %s: %w", s.spec.Path, context.Cause(s.ctx))
	}
	path := filepath.Join(s.root, rel)
	st, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("data: listing images: %w", err)
	}
	if slices.ContainsFunc(s.chain, func(up os.FileInfo) bool { return os.SameFile(up, st) }) {
		s.skipped["circular links"]++
		return nil
	}
	s.chain = append(s.chain, st)
	defer func() { s.chain = s.chain[:len(s.chain)-1] }()

	children, err := s.children(path)
	if err != nil {
		return err
	}
	for _, c := range children {
		if err := s.child(rel, c, label); err != nil {
			return err
		}
	}
	return nil
}

func (s *folderScan) child(rel string, c child, label int32) error {
	path := c.name
	if rel != "" {
		path = rel + "/" + c.name
	}
	switch {
	case c.dir && rel == "" && s.spec.Labels:
		return s.class(path)
	case c.dir:
		return s.folder(path, label)
	case !isImage(c.name, s.spec.extensions()):
		s.skipped[cmp.Or(filepath.Ext(c.name), "no ending")]++
		return nil
	case s.spec.Labels && rel == "":
		s.skipped["images outside the class folders"]++
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
	before := s.b.Len()
	s.classes = append(s.classes, name)
	if err := s.folder(name, int32(len(s.classes)-1)); err != nil {
		return err
	}
	if s.b.Len() == before {
		return fmt.Errorf("data: %s: the class folder %q holds no images (%s); fill it or move it away", s.root, name, s.endings())
	}
	return nil
}

// child is a directory entry with links resolved.
type child struct {
	name string
	dir  bool
}

// children lists a folder so that walking it in order yields whole paths in
// bytewise order: a folder sorts as if its name ended in a slash.
func (s *folderScan) children(path string) ([]child, error) {
	list, err := os.ReadDir(path)
	if err != nil {
		return nil, fmt.Errorf("data: listing images: %w", err)
	}
	out := make([]child, 0, len(list))
	for _, d := range list {
		if strings.HasPrefix(d.Name(), ".") {
			s.skipped["hidden"]++
			continue
		}
		mode := d.Type()
		if mode&fs.ModeSymlink != 0 {
			st, err := os.Stat(filepath.Join(path, d.Name()))
			if err != nil {
				s.skipped["dangling links"]++
				continue
			}
			mode = st.Mode().Type()
		}
		if mode != 0 && !mode.IsDir() {
			s.skipped["special files"]++ // opening a pipe would wait for ever
			continue
		}
		out = append(out, child{d.Name(), mode.IsDir()})
	}
	slices.SortFunc(out, compareChildren)
	return out, nil
}

func compareChildren(a, b child) int {
	// Names differ within a folder; only a prefix can meet the added slash.
	if c := strings.Compare(a.name, b.name); !a.dir && !b.dir {
		return c
	}
	key := func(c child) string {
		if c.dir {
			return c.name + "/"
		}
		return c.name
	}
	return strings.Compare(key(a), key(b))
}

func (s *folderScan) emptyError() error {
	hint := "allowed endings are " + strings.Join(s.spec.extensions(), " ")
	if s.spec.Labels && len(s.classes) == 0 {
		hint = "labels are asked for, and every class must be a folder of its own in it; it has no folders"
	}
	return fmt.Errorf("data: folder %s holds no images (%s); %s", s.root, s.endings(), hint)
}

// endings says what was found in place of images, the most frequent first.
func (s *folderScan) endings() string {
	if len(s.skipped) == 0 {
		return "it is empty"
	}
	keys := slices.SortedFunc(maps.Keys(s.skipped), func(a, b string) int {
		return cmp.Or(cmp.Compare(s.skipped[b], s.skipped[a]), strings.Compare(a, b))
	})
	var parts []string
	for _, k := range keys[:min(len(keys), 5)] {
		parts = append(parts, fmt.Sprintf("%d %s", s.skipped[k], k))
	}
	return "found: " + strings.Join(parts, ", ")
}
