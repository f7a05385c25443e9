// SPDX-License-Identifier: MIT

package detect

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"image"
	"io"

	"seer/data/instances"
	"seer/data/jpeg"
	"seer/data/source"
)

// Result is an element of COCO's file of results, with the name of the image for those that no annotations number.
type Result struct {
	Image    int64      `json:"image_id"`
	File     string     `json:"file_name,omitempty"`
	Category int64      `json:"category_id"`
	Name     string     `json:"category_name,omitempty"`
	Box      [4]float64 `json:"bbox"`
	Score    float64    `json:"score"`
	Mask     Runs       `json:"segmentation"`
}

// Runs are a mask as COCO writes it.
type Runs struct {
	Size   [2]int `json:"size"` // height, width
	Counts string `json:"counts"`
}

// Result is what a file of results says of something that was found.
func (m *Model) Result(image int64, file string, f Found) Result {
	c := m.Classes[f.Class]
	return Result{image, file, c.ID, c.Name, f.Box, f.Score, Runs{[2]int{f.Mask.Height, f.Mask.Width}, f.Mask.Text()}}
}

// WriteResults writes a list with an element a line; each hands them over one by one.
func WriteResults(w io.Writer, each func(add func(Result) error) error) error {
	b := bufio.NewWriter(w)
	fmt.Fprint(b, "[")
	first := true
	err := each(func(r Result) error {
		text, err := json.Marshal(r)
		if err != nil {
			return err
		}
		if !first {
			fmt.Fprint(b, ",")
		}
		first = false
		_, err = fmt.Fprintf(b, "\n%s", text)
		return err
	})
	if err != nil {
		return err
	}
	fmt.Fprintln(b, "\n]")
	return b.Flush()
}

// Picture is an image of a source with what was found in it.
func (m *Model) Picture(ctx context.Context, src source.Source, index int64, found []Found) (*image.RGBA, error) {
	item, err := src.Read(ctx, index, nil)
	if err != nil {
		return nil, err
	}
	if item.Raw != nil {
		return nil, fmt.Errorf("%s holds pixels and no file", src.Name(index))
	}
	d := jpeg.NewDecoder(jpeg.DecodeOptions{Orient: m.Orient})
	defer d.Close()
	img, err := d.Decode(item.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", src.Name(index), err)
	}
	pixels := img.Pix
	if img.Channels == 1 {
		pixels = make([]byte, 0, 3*len(img.Pix))
		for _, v := range img.Pix {
			pixels = append(pixels, v, v, v)
		}
	}
	out := picture(pixels, img.W, img.W, img.H)
	marks := make([]Mark, len(found))
	for i, f := range found { // the best is painted last
		marks[len(found)-1-i] = Mark{f.Class, f.Box, f.Mask, fmt.Sprintf("%s %.2f", m.Classes[f.Class].Name, f.Score)}
	}
	Paint(out, marks)
	return out, nil
}

// Numbered are the ids of a source's images in annotations of them; others are left out of the map.
func Numbered(src source.Source, truth *instances.Dataset) map[int64]int64 {
	all, ids := named(src), map[int64]int64{}
	for _, m := range truth.Images {
		if i, ok := all[m.File]; ok {
			ids[i] = m.ID
		}
	}
	return ids
}
