// SPDX-License-Identifier: MIT

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/png"
	"path"

	"github.com/urfave/cli/v2"
	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"

	"seer/config"
	"seer/data/contact"
	"seer/data/sampler"
	"seer/data/source"
	"seer/eval"
	"seer/eval/retrieval"
	runreport "seer/report"
)

const (
	seenImages     = 300 // that a map shows: more hide each other
	seenQueries    = 6   // images whose neighbours are shown
	seenNeighbours = 8   // of each
	mapSide        = 1000
	mapThumb       = 44
	seenSide       = 96
)

// seen are the features of some images, drawn from all of them.
type seen struct {
	source source.Source
	of     []int64     // the images, by their place in the source
	rows   [][]float32 // their features
}

// seenPictures draws what the trunk of a run makes of --images.
func seenPictures(c *cli.Context, run string) (pictures []runreport.Picture, err error) {
	progress := newBars(c)
	backbone, err := eval.OpenBackbone(eval.TrunkSource{Weights: run, Experiment: config.Default(), Warn: progress.warn})
	if err != nil {
		return nil, err
	}
	defer backbone.Close()
	src, err := source.OpenContext(c.Context, source.Location{Path: c.String("images"), Kind: "auto"})
	if err != nil {
		return nil, fmt.Errorf("--images: %w", err)
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	some, err := sampler.Fraction(src.Len(), min(1, seenImages/float64(src.Len())), 0, 0)
	if err != nil {
		return nil, err
	}
	size := c.Int("size")
	f, err := backbone.Extract(c.Context, eval.Images{
		Source: src, Sampler: some, Resize: size * 256 / 224, Crop: size, Batch: 64,
		Progress: func(done, total int64) { progress.update("images", done, total) },
	})
	progress.finish()
	if err != nil {
		return nil, err
	}
	defer f.Close()
	s := &seen{source: src, of: f.Indices}
	width, values := int(backbone.Width()), f.X.Float32s()
	for i := range f.Indices {
		s.rows = append(s.rows, values[i*width:(i+1)*width])
	}
	if len(s.rows) < 3 {
		return nil, fmt.Errorf("--images %s: %d images could be read; a map takes 3 or more", c.String("images"), len(s.rows))
	}
	return s.draw(c.Context)
}

func (s *seen) draw(ctx context.Context) ([]runreport.Picture, error) {
	plane, share, err := principal(s.rows)
	if err != nil {
		return nil, err
	}
	var all []contact.Picture
	for i := range s.of {
		all = append(all, s.picture(i, ""))
	}
	sheet, err := contact.Scatter(ctx, all, plane, mapSide, mapThumb, false)
	if err != nil {
		return nil, err
	}
	text := fmt.Sprintf("%d images at the first two principal components of their features, which hold %.0f %% of the variance.", len(s.of), 100*share)
	features, err := drawnPicture("Map of the features", text, sheet)
	if err != nil {
		return nil, err
	}
	rows, err := s.neighbours()
	if err != nil {
		return nil, err
	}
	if sheet, err = contact.Gallery(ctx, rows, seenSide, false); err != nil {
		return nil, err
	}
	near, err := drawnPicture("Nearest neighbours", "Each row: an image, and those of the map that are most like it, with the cosine of their features.", sheet)
	return []runreport.Picture{features, near}, err
}

func (s *seen) picture(i int, caption string) contact.Picture {
	return contact.Picture{Source: s.source, Index: s.of[i], Caption: caption}
}

// neighbours are a row for each of a few images: itself, and the nearest of the others.
func (s *seen) neighbours() (rows [][]contact.Picture, err error) {
	queries := min(seenQueries, len(s.rows))
	search, err := retrieval.New(s.rows[:queries], seenNeighbours+1)
	if err != nil {
		return nil, err
	}
	for _, row := range s.rows {
		search.Add(row)
	}
	for q, hits := range search.Hits() {
		row := []contact.Picture{s.picture(q, path.Base(s.source.Name(s.of[q])))}
		for _, h := range hits {
			if h.Row != int64(q) && len(row) <= seenNeighbours {
				row = append(row, s.picture(int(h.Row), fmt.Sprintf("%.3f", h.Similarity)))
			}
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// principal are the first two principal components of rows, and the share of their variance that these hold.
func principal(rows [][]float32) (plane [][2]float64, share float64, err error) {
	width := len(rows[0])
	centred := mat.NewDense(len(rows), width, nil)
	for j := range width {
		mean := 0.
		for _, row := range rows {
			mean += float64(row[j]) / float64(len(rows))
		}
		for i, row := range rows {
			centred.Set(i, j, float64(row[j])-mean)
		}
	}
	var pc stat.PC
	if !pc.PrincipalComponents(centred, nil) {
		return nil, 0, errors.New("the principal components of the features could not be computed")
	}
	var vectors, at mat.Dense
	pc.VectorsTo(&vectors)
	at.Mul(centred, vectors.Slice(0, width, 0, min(2, vectors.RawMatrix().Cols)))
	_, components := at.Dims()
	for i := range rows {
		var place [2]float64
		for k := range components {
			place[k] = at.At(i, k)
		}
		plane = append(plane, place)
	}
	total, held := 0., 0.
	for k, v := range pc.VarsTo(nil) {
		total += v
		if k < components {
			held += v
		}
	}
	if total > 0 {
		share = held / total
	}
	return plane, share, nil
}

func drawnPicture(title, text string, sheet *image.RGBA) (runreport.Picture, error) {
	var out bytes.Buffer
	err := png.Encode(&out, sheet)
	return runreport.Picture{Title: title, Text: text, PNG: out.Bytes()}, err
}
