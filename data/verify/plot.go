// SPDX-License-Identifier: MIT

package verify

import (
	"fmt"
	"image/color"
	"io"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

var barColor = color.NRGBA{R: 31, G: 78, B: 121, A: 255}

// WriteSVG draws the histograms one below the other: shorter sides, file sizes, and images a class, the largest first.
func (r *Report) WriteSVG(w io.Writer) error {
	panels := []struct {
		title, axis string
		values      plotter.Values
		names       []string
	}{
		{title: "Shorter side of the images", axis: "pixels, from"},
		{title: "Size of the files", axis: "from"},
		{title: "Images a class, the largest first", axis: "class"},
	}
	panels[0].values, panels[0].names = r.Sides.bars(func(v int64) string { return fmt.Sprint(v) })
	panels[1].values, panels[1].names = r.Sizes.bars(formatBytes)
	for _, c := range r.Classes {
		panels[2].values = append(panels[2].values, float64(c.Images))
	}
	slices.SortFunc(panels[2].values, func(x, y float64) int { return int(y - x) })
	height := 7 * vg.Centimeter
	canvas := vgsvg.New(16*vg.Centimeter, height*vg.Length(len(panels)))
	tiles := draw.Tiles{Rows: len(panels), Cols: 1, PadY: vg.Millimeter * 4, PadTop: vg.Millimeter, PadBottom: vg.Millimeter}
	for row, panel := range panels {
		if len(panel.values) == 0 {
			continue
		}
		p := plot.New()
		p.Title.Text, p.X.Label.Text, p.Y.Label.Text = panel.title, panel.axis, "images"
		bars, err := plotter.NewBarChart(panel.values, min(vg.Points(18), 12*vg.Centimeter/vg.Length(len(panel.values))))
		if err != nil {
			return fmt.Errorf("verify: drawing %q: %w", panel.title, err)
		}
		bars.Color, bars.LineStyle.Width = barColor, 0
		p.Add(bars)
		if panel.names != nil {
			p.NominalX(panel.names...)
		}
		p.Draw(tiles.At(draw.New(canvas), 0, row))
	}
	_, err := canvas.WriteTo(w)
	return err
}

// bars are the entries from the first to the last that is not empty.
func (h *Histogram) bars(unit func(int64) string) (values plotter.Values, names []string) {
	first, last := h.span()
	for k := first; k <= last; k++ {
		values, names = append(values, float64(h[k])), append(names, unit(1<<k>>1))
	}
	return values, names
}
