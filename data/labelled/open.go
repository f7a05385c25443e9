// SPDX-License-Identifier: MIT

package labelled

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"seer/data/source"
	"slices"
	"strings"
	"time"
)

// SetOptions say how a labelled data set is read. The zero value is the training part of what lies in the folder.
type SetOptions struct {
	// Kind is one of [Kinds]; "" means "auto": what lies in the folder tells.
	Kind string
	// Split is the part of the data set; "" means "train". "val" and "validation" mean the same.
	Split string
	// Annotations is the file of labels where it does not lie where the layout has it, or where several do. For ImageNet's
	// val it is the development kit, as folder or archive, or Kaggle's LOC_val_solution.csv.
	Annotations string
	// Images is the folder of images where it does not lie where the layout has it.
	Images string
	// UnknownIsNegative takes the classes of Open Images that nobody has looked for in an image for not there.
	UnknownIsNegative bool
	// Unchecked leaves out the look whether every image exists: on a far disk it takes a round trip for each. Images that
	// are missing then show when they are read.
	Unchecked bool
	// MaxFileBytes refuses larger image files; 0 means [source.DefaultMaxFileBytes].
	MaxFileBytes int64
	// Progress is told now and then how many images have been read from annotations.
	Progress func(source.Progress)
}

// layout is one way in which data sets are published.
type layout struct {
	kind   string
	signs  []string // patterns below the root that give it away
	expect string   // its tree, for errors
	open   func(reader) (*Set, error)
}

var layouts = []layout{
	{"imagenet", []string{"ILSVRC2012_devkit_t12*", "LOC_*.csv", "LOC_synset_mapping.txt", "ILSVRC/Data/CLS-LOC"},
		"train/n01440764/*.JPEG and val/", reader.openImageNet},
	{"places", []string{"places365_*.txt", "categories_places365.txt", "*_places205.csv"},
		"places365_train_standard.txt or train_places205.csv", reader.openPlaces},
	{"inaturalist", []string{"train20[12][0-9].json", "val20[12][0-9].json", "train.json", "train_mini.json", "val.json"},
		"train2018.json and train_val2018/", reader.openINaturalist},
	{"openimages", []string{"*imagelabels*.csv"},
		"oidv6-train-annotations-human-imagelabels.csv, oidv6-classes-trainable.txt and train/", reader.openOpenImages},
	{"voc", []string{"JPEGImages", "VOC20[0-9][0-9]/JPEGImages", "VOCdevkit/VOC20[0-9][0-9]/JPEGImages"},
		"JPEGImages/, Annotations/ and ImageSets/Main/", reader.openVOC},
	{"coco", []string{"annotations/instances_*.json", "instances_*.json"},
		"annotations/instances_train2017.json and train2017/", reader.openCOCO},
	{"folders", nil, "train/<class>/*.jpg", reader.openFolders},
}

// Kinds are the values of [SetOptions.Kind].
var Kinds = []string{"auto", "folders", "imagenet", "places", "inaturalist", "openimages", "voc", "coco"}

// Open reads the labels of a data set that lies in the folder root, and lists its images.
func Open(ctx context.Context, root string, o SetOptions) (*Set, error) {
	o.Split = cmp.Or(o.Split, "train")
	if o.Split == "validation" {
		o.Split = "val"
	}
	for _, path := range []*string{&root, &o.Images, &o.Annotations} {
		if *path == "" && path != &root {
			continue
		}
		absolute, err := filepath.Abs(*path)
		if err != nil {
			return nil, fmt.Errorf("labelled: %w", err)
		}
		*path = absolute
	}
	if st, err := os.Stat(root); err != nil {
		return nil, fmt.Errorf("labelled: %w", err)
	} else if !st.IsDir() {
		return nil, fmt.Errorf("labelled: %s is a file; give the folder of the data set, with the file of labels as its annotations", root)
	}
	l, err := choose(root, o)
	if err != nil {
		return nil, err
	}
	return l.open(reader{SetOptions: o, ctx: ctx, root: root, kind: l.kind, last: new(time.Time)})
}

func choose(root string, o SetOptions) (layout, error) {
	if kind := cmp.Or(o.Kind, "auto"); kind != "auto" {
		i := slices.IndexFunc(layouts, func(l layout) bool { return l.kind == kind })
		if i < 0 {
			return layout{}, fmt.Errorf("labelled: %s: unknown kind %q; allowed are %s", root, kind, strings.Join(Kinds, ", "))
		}
		return layouts[i], nil
	}
	var found []layout
	for _, l := range layouts {
		if slices.ContainsFunc(l.signs, func(sign string) bool { return len(glob(root, sign)) > 0 }) {
			found = append(found, l)
		}
	}
	if len(found) > 1 {
		return layout{}, fmt.Errorf("labelled: %s looks like %s and like %s; set the kind to one of them", root, found[0].kind, found[1].kind)
	}
	if len(found) == 1 {
		return found[0], nil
	}
	return chooseFolders(root, o)
}

// chooseFolders tells class folders, those of ImageNet by their names.
func chooseFolders(root string, o SetOptions) (layout, error) {
	for _, dir := range []string{o.Images, filepath.Join(root, o.Split), root} {
		if dir == "" {
			continue
		}
		switch s := look(dir); {
		case s.wordNet:
			return layouts[0], nil
		case s.folders > 0:
			return layouts[len(layouts)-1], nil
		}
	}
	expected := make([]string, len(layouts))
	for i, l := range layouts {
		expected[i] = l.kind + ": " + l.expect
	}
	return layout{}, fmt.Errorf("labelled: %s holds no labelled data set (%s); what is known is %s; give the folder that holds it, or set the kind and name the annotations",
		root, listing(root), strings.Join(expected, "; "))
}

// reader is what the readers of all layouts share.
type reader struct {
	SetOptions
	ctx        context.Context
	root, kind string
	last       *time.Time // of the last report
}

// tick is called for every image. It stops the reading with its context and reports about five times a second.
func (r *reader) tick(images int64) error {
	if images%1024 != 0 {
		return nil
	}
	if r.ctx.Err() != nil {
		return context.Cause(r.ctx)
	}
	if r.Progress != nil && time.Since(*r.last) > 200*time.Millisecond {
		*r.last = time.Now()
		r.Progress(source.Progress{Images: images, Where: r.root})
	}
	return nil
}

// annotations finds the file of labels: the one that was named, or the one match of the first pattern that has any.
func (r *reader) annotations(patterns ...string) (string, error) {
	if r.Annotations != "" {
		return r.Annotations, nil
	}
	path, err := r.find(patterns...)
	if err == nil && path == "" {
		err = fmt.Errorf("labelled: %s: no labels of the split %q: looked for %s, found %s; name the split that is there, or the file of labels",
			r.root, r.Split, strings.Join(patterns, ", "), listing(r.root))
	}
	return path, err
}

// find returns the one match of the first pattern that has any; "" where none has.
func (r *reader) find(patterns ...string) (string, error) {
	for _, p := range patterns {
		switch found := glob(r.root, p); len(found) {
		case 0:
		case 1:
			return filepath.Join(r.root, found[0]), nil
		default:
			return "", fmt.Errorf("labelled: %s holds %s; name the one that is meant as the annotations", r.root, strings.Join(found, " and "))
		}
	}
	return "", nil
}

// imageFolder finds the folder of images: the one that was named, or the first candidate that exists.
func (r *reader) imageFolder(candidates ...string) (string, error) {
	if r.Images != "" {
		return r.Images, nil
	}
	for _, c := range candidates {
		dir := filepath.Join(r.root, c)
		if st, err := os.Stat(dir); err == nil && st.IsDir() {
			return dir, nil
		}
	}
	return "", fmt.Errorf("labelled: %s: no folder of images for the split %q: looked for %s, found %s; name the folder of images",
		r.root, r.Split, strings.Join(candidates, ", "), listing(r.root))
}

// glob matches below a folder whose own name may hold anything.
func glob(root, pattern string) []string {
	found, _ := fs.Glob(os.DirFS(root), pattern) // patterns are constants, and what cannot be listed is not there
	return found
}

// sight is what the first entries of a folder are: enough to tell class folders from a million images side by side.
type sight struct {
	folders, images int
	wordNet         bool // a folder is named like those of ImageNet
}

const looked = 256

func look(dir string) (s sight) {
	for _, e := range first(dir, looked) {
		isDir := e.IsDir()
		if e.Type()&fs.ModeSymlink != 0 {
			st, err := os.Stat(filepath.Join(dir, e.Name()))
			isDir = err == nil && st.IsDir()
		}
		switch {
		case strings.HasPrefix(e.Name(), "."):
		case isDir:
			s.folders++
			s.wordNet = s.wordNet || isWordNet(e.Name())
		case slices.Contains(source.DefaultExtensions, strings.ToLower(filepath.Ext(e.Name()))):
			s.images++
		}
	}
	return s
}

// isWordNet tells ImageNet's names of classes: n and eight digits.
func isWordNet(name string) bool {
	return len(name) == 9 && name[0] == 'n' && strings.Trim(name[1:], "0123456789") == ""
}

func first(dir string, n int) []fs.DirEntry {
	f, err := os.Open(dir)
	if err != nil {
		return nil
	}
	defer f.Close()
	entries, err := f.ReadDir(n)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil
	}
	return entries
}

// listing names a few entries of a folder, for errors.
func listing(dir string) string {
	const most = 8
	entries := first(dir, most+1)
	if len(entries) == 0 {
		return "it is empty or no folder that can be listed"
	}
	var names []string
	for _, e := range entries[:min(most, len(entries))] {
		name := cut(e.Name())
		if e.IsDir() {
			name += "/"
		}
		names = append(names, name)
	}
	slices.Sort(names)
	if len(entries) > most {
		names = append(names, "…")
	}
	return "it holds " + strings.Join(names, ", ")
}
