// SPDX-License-Identifier: MIT

package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"seer/data/contact"
	"seer/data/loader"
	"seer/data/source"
	"seer/eval"
	"seer/eval/retrieval"
	"seer/internal/durable"
	"seer/internal/npy"
	"seer/torch"
)

// checkSearch looks at what belongs to --search.
func checkSearch(c *cli.Context) error {
	if !c.IsSet("search") {
		for _, flag := range []string{"nearest", "sheet", "features", "json"} {
			if c.IsSet(flag) {
				return fmt.Errorf("--%s is about a search: name an image by --search", flag)
			}
		}
		return nil
	}
	for _, path := range c.StringSlice("search") {
		if st, err := os.Stat(path); err != nil {
			return fmt.Errorf("--search: %w", err)
		} else if st.IsDir() {
			return fmt.Errorf("--search %s: is a folder; name an image", path)
		}
	}
	if strings.Contains(c.String("layers"), ",") {
		return fmt.Errorf("--layers %s: a search compares the features of one layer", c.String("layers"))
	}
	if path := c.String("features"); path != "" {
		if c.String("out") != "" {
			return fmt.Errorf("--features %s has the features already: leave --out away", path)
		}
		if filepath.Ext(path) != ".npy" {
			return fmt.Errorf("--features %s: a .npy file is needed, as --out writes it", path)
		}
		if c.String("sheet") != "" && c.String("images") == "" {
			return errors.New("--sheet draws the images: say by --images where those of --features lie")
		}
	}
	if path := c.String("sheet"); path != "" {
		return output{flag: "sheet", path: path, what: "a PNG", endings: []string{".png"}, inputs: []string{c.String("images"), c.String("weights"), c.String("features")}}.check()
	}
	return nil
}

// newSearch computes the features of the images of --search.
func (p *featurePass) newSearch() (*retrieval.Search, error) {
	im := eval.Images{Source: source.Files(p.c.StringSlice("search")...), Batch: p.c.Int("batch"), Workers: p.c.Int("workers"), MaxBadFraction: -1}
	p.see(&im)
	var queries [][]float32
	err := p.backbone.Each(p.c.Context, im, func(batch *loader.Batch, x *torch.Tensor) error {
		width, values := int(x.Size(1)), x.Float32s()
		for i := range batch.Indices {
			queries = append(queries, values[i*width:(i+1)*width])
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("--search: %w", err)
	}
	s, err := retrieval.New(queries, p.c.Int("nearest"))
	if err != nil {
		return nil, fmt.Errorf("--search: %w", err)
	}
	return s, nil
}

// searchFile searches among the features of an earlier pass.
func (p *featurePass) searchFile() (err error) {
	path := p.c.String("features")
	f, err := npy.Open(path)
	if err != nil {
		return fmt.Errorf("--features: %w", err)
	}
	defer f.Close()
	if f.Width != p.backbone.Width() {
		return fmt.Errorf("--features %s: its rows have %d features, and those of %s %d: take the weights, and --layers, that the file was made with", path, f.Width, p.backbone.Origin.Arch, p.backbone.Width())
	}
	names, err := readNames(strings.TrimSuffix(path, ".npy")+".txt", f.Rows)
	if err != nil {
		return fmt.Errorf("--features %s: %w", path, err)
	}
	s, err := p.newSearch()
	if err != nil {
		return err
	}
	err = f.Each(func(values []float32) error {
		s.Add(values)
		return p.c.Context.Err()
	})
	if err != nil {
		return err
	}
	places := map[string]int64{}
	if p.c.String("sheet") != "" {
		if p.images, err = openImages(p.c, p.progress, "images"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, p.images.Source.Close()) }()
		places = placesOf(p.images.Source, names, s.Hits())
	}
	return p.found(s.Hits(), func(row int64) string { return names[row] }, func(row int64) (int64, bool) {
		at, ok := places[names[row]]
		return at, ok
	})
}

// readNames reads the names of rows, a line each.
func readNames(path string, rows int64) ([]string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("the names of its rows: %w", err)
	}
	names := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	if int64(len(names)) != rows {
		return nil, fmt.Errorf("%s has %d names, and the file %d rows: the two do not belong together", path, len(names), rows)
	}
	return names, nil
}

// placesOf finds the images that were found in the source that they came from.
func placesOf(src source.Source, names []string, hits [][]retrieval.Hit) map[string]int64 {
	wanted := map[string]bool{}
	for _, list := range hits {
		for _, h := range list {
			wanted[names[h.Row]] = true
		}
	}
	places := map[string]int64{}
	for i := range src.Len() {
		if name := src.Name(i); wanted[name] {
			places[name] = i
		}
	}
	return places
}

// match is what is printed of an image that was found.
type match struct {
	Image      string  `json:"image"`
	Similarity float64 `json:"similarity"`
}

// found prints and draws the hits of all queries. name and place tell the image of a row.
func (p *featurePass) found(hits [][]retrieval.Hit, name func(row int64) string, place func(row int64) (int64, bool)) error {
	w := bufio.NewWriter(p.c.App.Writer)
	for q, query := range p.c.StringSlice("search") {
		var matches []match
		for _, h := range hits[q] {
			matches = append(matches, match{name(h.Row), h.Similarity})
		}
		if err := printMatches(w, query, matches, p.c.Bool("json")); err != nil {
			return err
		}
	}
	if err := w.Flush(); err != nil || p.c.String("sheet") == "" {
		return err
	}
	return p.draw(hits, name, place)
}

func printMatches(w io.Writer, query string, matches []match, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(w).Encode(struct {
			Query   string  `json:"query"`
			Nearest []match `json:"nearest"`
		}{query, matches})
	}
	fmt.Fprintln(w, query)
	for rank, m := range matches {
		fmt.Fprintf(w, "%4d  %7.4f  %s\n", rank+1, m.Similarity, m.Image)
	}
	return nil
}

// sheetSide is the side of a picture on the sheet, in pixels.
const sheetSide = 160

// draw lays the queries and what was found beside them out as rows of pictures.
func (p *featurePass) draw(hits [][]retrieval.Hit, name func(row int64) string, place func(row int64) (int64, bool)) error {
	queries := source.Files(p.c.StringSlice("search")...)
	var rows [][]contact.Picture
	for q := range hits {
		row := []contact.Picture{{Source: queries, Index: int64(q), Caption: "search"}}
		for _, h := range hits[q] {
			at, ok := place(h.Row)
			if !ok {
				return fmt.Errorf("--images has no image %s, which --features names: name the images that it was made of", name(h.Row))
			}
			row = append(row, contact.Picture{Source: p.images.Source, Index: at, Caption: fmt.Sprintf("%.3f %s", h.Similarity, filepath.Base(name(h.Row)))})
		}
		rows = append(rows, row)
	}
	sheet, err := contact.Gallery(p.c.Context, rows, sheetSide, p.c.Bool("exif-orientation"))
	if err != nil {
		return err
	}
	path := p.c.String("sheet")
	if err := durable.WriteFile(path, func(w io.Writer) error { return png.Encode(w, sheet) }); err != nil {
		return err
	}
	_, err = fmt.Fprintf(p.c.App.ErrWriter, "%s: %d × %d pixels\n", path, sheet.Bounds().Dx(), sheet.Bounds().Dy())
	return err
}
