// SPDX-License-Identifier: MIT

package sweep

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"

	"seer/internal/figure"
)

// line is a curve of a plot: the points of the rows that have the same step and the same values on the axes of the series.
type line struct {
	name string
	step int // among the plot's
	pts  plotter.XYs
}

// SVG draws the plot of a table: a line for each step and each combination of values on the axes of the series. Rows that
// differ in other axes, such as a seed, are averaged. A text on the x axis is not drawn; such rows are an error.
func (p *Plot) SVG(out io.Writer, t *Table) error {
	lines, err := p.lines(t)
	if err != nil {
		return fmt.Errorf("plot %q: %w", p.Name, err)
	}
	f := plot.New()
	f.Title.Text, f.X.Label.Text, f.Y.Label.Text = p.Title, p.X, p.Y
	f.Add(plotter.NewGrid())
	f.Legend.Top = false
	f.X.Tick.Marker, f.Y.Tick.Marker = figure.Linear{}, figure.Linear{}
	if p.LogX && spread(lines) {
		f.X.Scale, f.X.Tick.Marker = plot.LogScale{}, figure.Log{}
	}
	for i, l := range lines {
		curve, points, err := plotter.NewLinePoints(l.pts)
		if err != nil {
			return fmt.Errorf("plot %q: %w", p.Name, err)
		}
		curve.Color, points.Color = figure.Inks[i/len(p.Steps)%len(figure.Inks)], figure.Inks[i/len(p.Steps)%len(figure.Inks)]
		curve.Width, curve.Dashes = vg.Points(1.5), figure.Dashes[l.step%len(figure.Dashes)]
		points.Shape, points.Radius = draw.CircleGlyph{}, vg.Points(2.5)
		f.Add(curve, points)
		f.Legend.Add(l.name, curve, points)
	}
	canvas := vgsvg.New(16*vg.Centimeter, 10*vg.Centimeter)
	f.Draw(draw.New(canvas))
	_, err = canvas.WriteTo(out)
	return err
}

// spread tells that a logarithmic axis has a range to show.
func spread(lines []line) bool {
	var xs []float64
	for _, l := range lines {
		for _, p := range l.pts {
			xs = append(xs, p.X)
		}
	}
	return len(xs) > 0 && slices.Min(xs) > 0 && slices.Max(xs) > slices.Min(xs)
}

// lines are the curves, sorted by their series and then their step.
func (p *Plot) lines(t *Table) ([]line, error) {
	type key struct {
		series string
		step   int
	}
	sums := map[key]map[float64][]float64{}
	for _, r := range t.Rows {
		step := slices.Index(p.Steps, r.Step)
		y, has := r.Figures[p.Y]
		if step < 0 || !has {
			continue
		}
		x, err := p.x(r)
		if err != nil {
			return nil, err
		}
		k := key{p.seriesOf(r), step}
		if sums[k] == nil {
			sums[k] = map[float64][]float64{}
		}
		sums[k][x] = append(sums[k][x], y)
	}
	keys := slices.SortedFunc(maps.Keys(sums), func(a, b key) int {
		return cmp.Or(cmp.Compare(a.series, b.series), cmp.Compare(a.step, b.step))
	})
	var lines []line
	for _, k := range keys {
		l := line{name: strings.TrimSpace(p.Steps[k.step] + " " + k.series), step: k.step}
		for _, x := range slices.Sorted(maps.Keys(sums[k])) {
			l.pts = append(l.pts, plotter.XY{X: x, Y: mean(sums[k][x])})
		}
		lines = append(lines, l)
	}
	if len(lines) == 0 {
		return nil, fmt.Errorf("no result of %s has the figure %q; figures are %s", strings.Join(p.Steps, ", "), p.Y, strings.Join(t.Figures, ", "))
	}
	return lines, nil
}

// x is where a row stands on the axis.
func (p *Plot) x(r Row) (float64, error) {
	if p.X == "parameters" {
		if n, ok := r.Figures["parameters"]; ok {
			return n, nil
		}
		return 0, fmt.Errorf("the experiment of step %q has no trunk, whose parameters would be on the axis", r.Step)
	}
	x, err := strconv.ParseFloat(r.Values[p.X], 64)
	if err != nil {
		return 0, fmt.Errorf("%s = %q of step %q is no number: it cannot be on an axis", p.X, r.Values[p.X], r.Step)
	}
	return x, nil
}

// seriesOf names the values of a row on the axes of the series.
func (p *Plot) seriesOf(r Row) string {
	var words []string
	for _, axis := range p.Series {
		if v := r.Values[axis]; v != "" {
			words = append(words, axis+"="+v)
		}
	}
	return strings.Join(words, " ")
}

func mean(values []float64) float64 {
	sum := 0.
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}
