// SPDX-License-Identifier: MIT

package report

import (
	"bytes"
	"fmt"
	"image/color"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"

	"seer/internal/figure"
)

// Line is one logged step: the keys of metrics.jsonl that are numbers.
type Line map[string]any

// number reads a key; ok is false where the line lacks it.
func (l Line) number(key string) (v float64, ok bool) {
	v, ok = l[key].(float64)
	return v, ok && !math.IsNaN(v) && !math.IsInf(v, 0)
}

// Curve is a figure of one metric over the steps.
type Curve struct {
	Key   string // of metrics.jsonl
	Title string
	Unit  string
	Log   bool // logarithmic axis, where all values are positive
}

// Curves are the figures of a pretraining run, the ones that tell most first.
var Curves = []Curve{
	{Key: "loss", Title: "Loss", Unit: "nats"},
	{Key: "knn_top1", Title: "k-NN top-1", Unit: "%"},
	{Key: "val_top1", Title: "Validation top-1", Unit: "%"},
	{Key: "val_map", Title: "Validation mAP", Unit: "%"},
	{Key: "val_box_ap", Title: "Validation box AP", Unit: "%"},
	{Key: "val_mask_ap", Title: "Validation mask AP", Unit: "%"},
	{Key: "rankme", Title: "RankMe", Unit: "dimensions in use"},
	{Key: "lr", Title: "Learning rate"},
	{Key: "assignment_entropy", Title: "Entropy of the mean assignment", Unit: "nats"},
	{Key: "prototypes_used", Title: "Prototypes used in a batch"},
	{Key: "embedding_std", Title: "Spread of embeddings", Unit: "1 = over the whole sphere"},
	{Key: "gradient_norm", Title: "Gradient norm", Log: true},
	{Key: "images_per_second", Title: "Speed", Unit: "images/s"},
	{Key: "wait_share", Title: "Share of time waiting for data"},
}

// points collects a metric; steps without it are left out.
func (c Curve) points(lines []Line) plotter.XYs {
	var pts plotter.XYs
	for _, l := range lines {
		x, hasStep := l.number("step")
		y, has := l.number(c.Key)
		if has && hasStep && (!c.Log || y > 0) {
			pts = append(pts, plotter.XY{X: x, Y: y})
		}
	}
	return pts
}

// faint is how much of an ink what was logged is drawn with, beside the running mean.
const faint = 70

// SVG draws the metric with a running mean over a fiftieth of each run. It returns nil when no run has the metric. Of
// several runs each has its ink and a name in the legend.
func (c Curve) SVG(runs ...*Run) ([]byte, error) {
	f := c.figure()
	var all plotter.XYs
	for i, r := range runs {
		pts := c.points(r.Lines)
		if len(pts) == 0 {
			continue
		}
		all = append(all, pts...)
		raw, err := plotter.NewLine(pts)
		if err != nil {
			return nil, fmt.Errorf("curve of %s: %w", c.Key, err)
		}
		mean, err := plotter.NewLine(runningMean(pts, max(1, len(pts)/50)))
		if err != nil {
			return nil, fmt.Errorf("curve of %s: %w", c.Key, err)
		}
		ink := figure.Inks[i%len(figure.Inks)]
		raw.Color, mean.Color, mean.Width = color.NRGBA{R: ink.R, G: ink.G, B: ink.B, A: faint}, ink, vg.Points(1.5)
		mean.Dashes = figure.Dashes[i/len(figure.Inks)%len(figure.Dashes)]
		f.Add(raw, mean)
		if len(runs) > 1 {
			f.Legend.Add(r.Name, mean)
		}
	}
	if len(all) == 0 {
		return nil, nil
	}
	// A logarithmic axis needs a range: of a constant there is none.
	if _, _, low, high := plotter.XYRange(all); c.Log && high > low {
		f.Y.Scale, f.Y.Tick.Marker = plot.LogScale{}, figure.Log{}
	}
	return drawn(f, len(runs) > 1)
}

func (c Curve) figure() *plot.Plot {
	f := plot.New()
	f.Title.Text, f.X.Label.Text, f.Y.Label.Text = c.Title, "step", c.Unit
	f.X.Tick.Marker, f.Y.Tick.Marker = figure.Linear{}, figure.Linear{}
	f.Add(plotter.NewGrid())
	return f
}

// drawn is the figure as SVG; a legend stands below it, where it hides nothing.
func drawn(f *plot.Plot, legend bool) ([]byte, error) {
	width, height, below := 12*vg.Centimeter, 7*vg.Centimeter, vg.Length(0)
	if legend {
		below = f.Legend.Rectangle(draw.New(vgsvg.New(width, height))).Size().Y + vg.Points(6)
	}
	canvas := vgsvg.New(width, height+below)
	whole := draw.New(canvas)
	if legend {
		f.Legend.Left, f.Legend.Top = true, false
		f.Legend.Draw(draw.Crop(whole, vg.Points(6), 0, 0, -height))
		f.Legend = plot.NewLegend()
	}
	f.Draw(draw.Crop(whole, 0, 0, below, 0))
	var out bytes.Buffer
	_, err := canvas.WriteTo(&out)
	return out.Bytes(), err
}

// runningMean averages the last n points.
func runningMean(pts plotter.XYs, n int) plotter.XYs {
	out := make(plotter.XYs, len(pts))
	sum := 0.0
	for i, p := range pts {
		sum += p.Y
		if i >= n {
			sum -= pts[i-n].Y
		}
		out[i] = plotter.XY{X: p.X, Y: sum / float64(min(i+1, n))}
	}
	return out
}
