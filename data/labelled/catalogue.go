// SPDX-License-Identifier: MIT

package labelled

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"syscall"

	"golang.org/x/sync/errgroup"

	"seer/data/index"
	"seer/data/source"
)

// catalogue collects what annotations say, one image after the other: its names in one piece of memory, as millions of
// strings would cost more than all the rest.
type catalogue struct {
	reader
	images string // the folder that names start from

	classes, titles []string
	names           []byte
	ends            []int64
	labels          []int32 // one class an image
	rows            *rows   // or many

	skipped, remarks counts
}

// newCatalogue reads images from a folder.
func (r reader) newCatalogue(images string) *catalogue {
	return &catalogue{reader: r, images: images, skipped: counts{}, remarks: counts{}}
}

func (c *catalogue) len() int64 { return int64(len(c.ends)) }

func (c *catalogue) name(i int64) []byte {
	var from int64
	if i > 0 {
		from = c.ends[i-1]
	}
	return c.names[from:c.ends[i]]
}

// addName appends an image, whose label or row the caller appends with it. A name comes from a file that may be anybody's:
// it must stay in the folder of images.
func (c *catalogue) addName(name []byte) error {
	if len(name) > index.MaxName || !filepath.IsLocal(string(name)) || bytes.IndexByte(name, 0) >= 0 {
		return fmt.Errorf("the name of an image is %q; it must be a path below the folder of images", cut(name))
	}
	c.names = append(c.names, name...)
	c.ends = append(c.ends, int64(len(c.names)))
	return c.tick(c.len())
}

// addLabel appends an image with its class.
func (c *catalogue) addLabel(name []byte, label int32) error {
	c.labels = append(c.labels, label)
	return c.addName(name)
}

// addRow appends an image with its marks.
func (c *catalogue) addRow(name []byte, marks []mark) error {
	if n := c.rows.add(marks); n > 0 {
		c.remarks.add("classes that are labelled as there and as not there, taken for unknown", string(name))
	}
	return c.addName(name)
}

// finish makes a set of the images that exist.
func (c *catalogue) finish(labels string) (*Set, error) {
	if c.len() == 0 {
		return nil, fmt.Errorf("labelled: %s names no image with a label%s", labels, c.left())
	}
	kept, err := c.unique(labels)
	if err != nil {
		return nil, err
	}
	if kept, err = c.present(labels, kept); err != nil {
		return nil, err
	}
	source, err := c.source(kept)
	if err != nil {
		return nil, fmt.Errorf("labelled: %s: %w", labels, err)
	}
	set := &Set{Kind: c.kind, Split: c.Split, source: source, classes: c.classes, titles: c.titles}
	if c.rows != nil {
		set.rows = c.rows.choose(kept)
	}
	return set, nil
}

// left says what was left out, where nothing remains.
func (c *catalogue) left() string {
	if text := (source.Listing{Skipped: c.skipped, Remarks: c.remarks}).String(); text != "" {
		return " (" + text + ")"
	}
	return ""
}

func (c *catalogue) source(kept []int64) (source.Source, error) {
	b := index.NewBuilder(index.Layout{Labels: c.rows == nil})
	for _, i := range kept {
		e := index.Entry{Name: c.name(i), Label: -1}
		if c.rows == nil {
			e.Label = c.labels[i]
		}
		if err := b.Add(e); err != nil {
			return nil, err
		}
	}
	meta := index.Meta{Kind: "files", Root: c.images, Skipped: c.skipped, Remarks: c.remarks}
	if c.rows == nil {
		meta.Labels = int32(len(c.classes))
	}
	table, err := b.Finish(meta)
	if err != nil {
		return nil, err
	}
	return source.NewTableSource(table, source.Location{Path: c.images, Labels: c.rows == nil, MaxFileBytes: c.MaxFileBytes})
}

// unique drops images that are named more than once. To name one with other labels is an error: nobody can say which are meant.
func (c *catalogue) unique(labels string) ([]int64, error) {
	order := c.byHash()
	twice := map[int64]bool{}
	for k := 1; k < len(order); k++ {
		for j := k - 1; j >= 0 && order[j].hash == order[k].hash; j-- {
			first, again := order[j].image, order[k].image
			if !bytes.Equal(c.name(first), c.name(again)) {
				continue
			}
			if !c.same(first, again) {
				return nil, fmt.Errorf("labelled: %s: %s has two different labels: %s and %s; remove one of them", labels, c.name(first), c.labelText(first), c.labelText(again))
			}
			twice[again] = true
			c.skipped.add("images that are named again", string(c.name(again)))
			break
		}
	}
	kept := make([]int64, 0, c.len()-int64(len(twice)))
	for i := range c.len() {
		if !twice[i] {
			kept = append(kept, i)
		}
	}
	return kept, nil
}

type hashed struct {
	hash  uint64
	image int64
}

// byHash sorts images so that equal names lie side by side, in a tenth of the memory of a map.
func (c *catalogue) byHash() []hashed {
	seed := maphash.MakeSeed()
	order := make([]hashed, c.len())
	for i := range order {
		order[i] = hashed{maphash.Bytes(seed, c.name(int64(i))), int64(i)}
	}
	slices.SortFunc(order, func(a, b hashed) int {
		if a.hash != b.hash {
			if a.hash < b.hash {
				return -1
			}
			return 1
		}
		return int(a.image - b.image)
	})
	return order
}

func (c *catalogue) same(i, j int64) bool {
	if c.rows == nil {
		return c.labels[i] == c.labels[j]
	}
	return slices.Equal(c.rows.of(i), c.rows.of(j))
}

func (c *catalogue) labelText(i int64) string {
	if c.rows == nil {
		return c.classes[c.labels[i]]
	}
	return fmt.Sprintf("%d classes", len(c.rows.of(i)))
}

// lookers is how many files are looked for at once: on a far disk each takes a round trip.
const lookers = 16

// present drops images that do not exist.
func (c *catalogue) present(labels string, kept []int64) ([]int64, error) {
	if c.Unchecked {
		return kept, nil
	}
	gone, err := c.missing(kept)
	if err != nil {
		return nil, fmt.Errorf("labelled: looking for the images of %s: %w", labels, err)
	}
	there := make([]int64, 0, len(kept))
	for k, i := range kept {
		if gone[k] {
			c.skipped.add("images that do not exist", string(c.name(i)))
			continue
		}
		there = append(there, i)
	}
	if len(there) == 0 {
		return nil, fmt.Errorf("labelled: none of the %d images that %s names lies in %s, the first being %s; give the folder of its images",
			len(kept), labels, c.images, c.name(kept[0]))
	}
	return there, nil
}

// missing looks for all files, some at once.
func (c *catalogue) missing(kept []int64) ([]bool, error) {
	gone := make([]bool, len(kept))
	group, ctx := errgroup.WithContext(c.ctx)
	const stride = 512
	var next atomic.Int64
	for range lookers {
		group.Go(func() error {
			for {
				from := int(next.Add(stride)) - stride
				if from >= len(kept) {
					return nil
				}
				if ctx.Err() != nil {
					return context.Cause(ctx)
				}
				for k := from; k < min(from+stride, len(kept)); k++ {
					var err error
					if gone[k], err = isMissing(filepath.Join(c.images, string(c.name(kept[k])))); err != nil {
						return err
					}
				}
			}
		})
	}
	return gone, group.Wait()
}

// isMissing tells a file that is not there from a disk that fails. What may not be read shows when it is read.
func isMissing(path string) (bool, error) {
	_, err := os.Stat(path)
	switch {
	case err == nil, errors.Is(err, fs.ErrPermission):
		return false, nil
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.ENAMETOOLONG):
		return true, nil
	}
	return false, err
}
