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
	"gonum.org/v1/plot/vg/vgsvg"
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

// The look of all figures.
var (
	ink   = color.NRGBA{R: 31, G: 78, B: 121, A: 255}
	faint = color.NRGBA{R: 31, G: 78, B: 121, A: 70}
)

// SVG draws the metric with a running mean over a fiftieth of the run. It returns nil when no line has the metric.
func (c Curve) SVG(lines []Line) ([]byte, error) {
	pts := c.points(lines)
	if len(pts) == 0 {
		return nil, nil
	}
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = c.Title, "step", c.Unit
	p.Add(plotter.NewGrid())
	// A logarithmic axis needs a range: of a constant there is none.
	if _, _, low, high := plotter.XYRange(pts); c.Log && high > low {
		p.Y.Scale, p.Y.Tick.Marker = plot.LogScale{}, plot.LogTicks{Prec: -1}
	}
	raw, err := plotter.NewLine(pts)
	if err != nil {
		return nil, fmt.Errorf("curve of %s: %w", c.Key, err)
	}
	mean, err := plotter.NewLine(runningMean(pts, max(1, len(pts)/50)))
	if err != nil {
		return nil, fmt.Errorf("curve of %s: %w", c.Key, err)
	}
	raw.Color, mean.Color, mean.Width = faint, ink, vg.Points(1.5)
	p.Add(raw, mean)
	canvas := vgsvg.New(12*vg.Centimeter, 7*vg.Centimeter)
	p.Draw(plotCanvas(canvas))
	var out bytes.Buffer
	_, err = canvas.WriteTo(&out)
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
