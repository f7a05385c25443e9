// SPDX-License-Identifier: MIT

package labelled

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
)

// instances is what a file in COCO's format says, as far as it is about classes: COCO's own and iNaturalist's.
type instances struct {
	reader
	path string

	ids   []int64 // of the images
	names []byte
	ends  []int64

	categories  []category
	annotations []annotation
	remarks     counts
	sections    []string // found, for errors
}

type category struct {
	ID   *int64 `json:"id"`
	Name string `json:"name"`
}

type annotation struct{ image, category int64 }

// maxElement bounds what one image, category or annotation may take: a mask of runs has a few hundred kilobytes.
const maxElement = 16 << 20

// bounded ends an element of a file that would take all memory: the decoder keeps a whole element.
type bounded struct {
	r    io.Reader
	left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, fmt.Errorf("an element of more than %d bytes", maxElement)
	}
	n, err := b.r.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}

// readInstances reads the file element by element: that of COCO has 450 MB, most of it outlines that nobody asks for here.
func (r reader) readInstances(path string) (*instances, error) {
	f, err := openFile(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	in := &instances{reader: r, path: path, remarks: counts{}}
	if err := in.read(f); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			err = errors.New("it ends early; copy it again")
		}
		return nil, fmt.Errorf("labelled: %s: %w", path, err)
	}
	return in, nil
}

func (in *instances) read(r io.Reader) error {
	limit := &bounded{r, maxElement}
	d := json.NewDecoder(limit)
	if err := expect(d, '{'); err != nil {
		return err
	}
	sections := map[string]func(*json.Decoder) error{"images": in.image, "categories": in.category, "annotations": in.annotation}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return err
		}
		name, _ := key.(string) // a key of an object is one
		in.sections = append(in.sections, cut(name))
		if element := sections[name]; element != nil {
			err = each(d, limit, name, element)
		} else {
			err = skip(d, limit)
		}
		if err != nil {
			return err
		}
		if len(in.sections) > maxSections {
			return fmt.Errorf("more than %d sections; expected are images, annotations and categories", maxSections)
		}
	}
	_, err := d.Token()
	return err
}

// maxSections bounds what is kept of the keys of a file; COCO's has five.
const maxSections = 1000

func expect(d *json.Decoder, want json.Delim) error {
	got, err := d.Token()
	if err != nil {
		return err
	}
	if got != want {
		return fmt.Errorf("%q where %q is expected; the format is COCO's: {\"images\": […], \"annotations\": […], \"categories\": […]}", cut(fmt.Sprint(got)), want.String())
	}
	return nil
}

// each hands the elements of a list to fn.
func each(d *json.Decoder, limit *bounded, name string, fn func(*json.Decoder) error) error {
	if err := expect(d, '['); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	for i := 0; d.More(); i++ {
		limit.left = maxElement
		if err := fn(d); err != nil {
			return fmt.Errorf("%s[%d]: %w", name, i, err)
		}
	}
	_, err := d.Token()
	return err
}

// skip passes over a value of any size.
func skip(d *json.Decoder, limit *bounded) error {
	for depth := 0; ; {
		limit.left = maxElement
		token, err := d.Token()
		if err != nil {
			return err
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth == 0 {
			return nil
		}
	}
}

func (in *instances) image(d *json.Decoder) error {
	var e struct {
		ID   *int64 `json:"id"`
		Name string `json:"file_name"`
	}
	if err := d.Decode(&e); err != nil {
		return err
	}
	if e.ID == nil || e.Name == "" {
		return errors.New("it must have an id and a file_name")
	}
	in.ids = append(in.ids, *e.ID)
	in.names = append(in.names, e.Name...)
	in.ends = append(in.ends, int64(len(in.names)))
	return in.tick(int64(len(in.ids)))
}

func (in *instances) category(d *json.Decoder) error {
	var c category
	if err := d.Decode(&c); err != nil {
		return err
	}
	if c.ID == nil {
		return errors.New("it must have an id")
	}
	in.categories = append(in.categories, c)
	return nil
}

func (in *instances) annotation(d *json.Decoder) error {
	var a struct {
		Image    *int64   `json:"image_id"`
		Category *int64   `json:"category_id"`
		Area     *float64 `json:"area"`
		Ignore   any      `json:"ignore"`
	}
	if err := d.Decode(&a); err != nil {
		return err
	}
	switch {
	case a.Image == nil || a.Category == nil:
		return errors.New("it must have an image_id and a category_id")
	case a.Area != nil && *a.Area <= 0, a.Ignore == true, a.Ignore == 1.:
		in.remarks.add("objects without an area or to be ignored", fmt.Sprintf("of image %d", *a.Image))
		return nil
	}
	in.annotations = append(in.annotations, annotation{*a.Image, *a.Category})
	return nil
}

func (in *instances) name(i int) []byte {
	var from int64
	if i > 0 {
		from = in.ends[i-1]
	}
	return in.names[from:in.ends[i]]
}

// classes returns the names of the categories in the order of their ids, and their places.
func (in *instances) classes() ([]string, map[int64]int32, error) {
	if err := checkClasses(in.path+": categories", len(in.categories)); err != nil {
		return nil, nil, err
	}
	slices.SortStableFunc(in.categories, func(a, b category) int { return cmp.Compare(*a.ID, *b.ID) })
	times := map[string]int{}
	for _, c := range in.categories {
		times[c.Name]++
	}
	names, places := make([]string, len(in.categories)), make(map[int64]int32, len(in.categories))
	for i, c := range in.categories {
		if names[i] = c.Name; times[c.Name] > 1 || c.Name == "" {
			names[i] = fmt.Sprintf("%s #%d", c.Name, *c.ID) // classes are told apart by their names
		}
		if _, ok := places[*c.ID]; ok {
			return nil, nil, fmt.Errorf("labelled: %s: two categories have the id %d", in.path, *c.ID)
		}
		places[*c.ID] = int32(i)
	}
	return names, places, nil
}

// marked is an image's place in the file and the class that an annotation gives it.
type marked struct{ image, class int32 }

// join finds image and class of every annotation. The result is in the order of the images.
func (in *instances) join() (classes []string, out []marked, err error) {
	classes, places, err := in.classes()
	if err != nil {
		return nil, nil, err
	}
	if len(in.ids) == 0 {
		return nil, nil, fmt.Errorf("labelled: %s names no images: it has %s; expected are images, annotations and categories", in.path, strings.Join(in.sections, ", "))
	}
	images := make(map[int64]int32, len(in.ids))
	for i, id := range in.ids {
		if _, ok := images[id]; ok {
			return nil, nil, fmt.Errorf("labelled: %s: two images have the id %d", in.path, id)
		}
		images[id] = int32(i)
	}
	for i, a := range in.annotations {
		class, ok := places[a.category]
		if !ok {
			return nil, nil, fmt.Errorf("labelled: %s: annotation %d of image %d: category %d is none of the %d categories", in.path, i, a.image, a.category, len(classes))
		}
		image, ok := images[a.image]
		if !ok {
			in.remarks.add("labels of images that are not listed", fmt.Sprintf("image %d", a.image))
			continue
		}
		out = append(out, marked{image, class})
	}
	slices.SortStableFunc(out, func(a, b marked) int { return cmp.Compare(a.image, b.image) })
	return classes, out, nil
}

// openINaturalist reads train2018.json and its like: one class an image. Images are in the order of the file, classes in
// that of their ids.
func (r reader) openINaturalist() (*Set, error) {
	path, err := r.annotations(r.Split+"20[12][0-9].json", r.Split+".json")
	if err != nil {
		return nil, err
	}
	in, err := r.readInstances(path)
	if err != nil {
		return nil, err
	}
	c := r.newCatalogue(cmp.Or(r.Images, r.root)) // names begin with train_val2018/
	classes, found, err := in.join()
	if err != nil {
		return nil, err
	}
	c.classes, c.remarks = classes, in.remarks
	for i := range in.ids {
		name := in.name(i)
		if len(found) == 0 || int(found[0].image) != i {
			c.skipped.add("images without a label", string(name))
			continue
		}
		label := found[0].class
		for ; len(found) > 0 && int(found[0].image) == i; found = found[1:] {
			if found[0].class != label {
				return nil, fmt.Errorf("labelled: %s: %s has two different labels: %s and %s; a set with many classes an image is read as coco", path, cut(name), classes[label], classes[found[0].class])
			}
		}
		if err := c.addLabel(name, label); err != nil {
			return nil, fmt.Errorf("labelled: %s: %w", path, err)
		}
	}
	return c.finish(path)
}

// openCOCO reads which categories have an object in each image, crowds included, as rows of 0 and 1. Images are in the order of
// their ids, as in pycocotools; classes in that of theirs, so that COCO's 80 categories with ids up to 90 have no gaps.
func (r reader) openCOCO() (*Set, error) {
	pattern := "instances_" + r.Split + "20[0-9][0-9].json"
	path, err := r.annotations("annotations/"+pattern, pattern, "annotations/instances_"+r.Split+".json", "instances_"+r.Split+".json")
	if err != nil {
		return nil, err
	}
	in, err := r.readInstances(path)
	if err != nil {
		return nil, err
	}
	part := strings.TrimPrefix(strings.TrimSuffix(filepath.Base(path), ".json"), "instances_")
	images, err := r.imageFolder(part, "images/"+part, r.Split, "images")
	if err != nil {
		return nil, err
	}
	c := r.newCatalogue(images)
	classes, found, err := in.join()
	if err != nil {
		return nil, err
	}
	c.classes, c.remarks, c.rows = classes, in.remarks, &rows{}
	marks := make([][]mark, len(in.ids))
	for _, m := range found {
		marks[m.image] = append(marks[m.image], newMark(int(m.class), 1))
	}
	for _, i := range in.byID() {
		if err := c.addRow(in.name(i), marks[i]); err != nil {
			return nil, fmt.Errorf("labelled: %s: %w", path, err)
		}
	}
	return c.finish(path)
}

func (in *instances) byID() []int {
	order := make([]int, len(in.ids))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(in.ids[a], in.ids[b]) })
	return order
}
