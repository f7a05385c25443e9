// SPDX-License-Identifier: MIT

package report

import (
	"bytes"
	"errors"
	"fmt"
	"html/template"
	"io"
	"os"
	"path/filepath"
	"strings"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"seer/internal/redact"
	"seer/runfolder"
)

func plotCanvas(c vg.CanvasSizer) draw.Canvas { return draw.New(c) }

// Run is what a run folder tells.
type Run struct {
	Dir     string
	Config  string // resolved.toml
	Lines   []Line // metrics.jsonl
	Results []Line // results.jsonl: probes, where there are any
}

// Read collects a run folder; it works beside a running training.
func Read(dir string) (*Run, error) {
	config, err := runfolder.ReadConfig(dir)
	if err != nil {
		return nil, fmt.Errorf("%s is no run folder: %w", dir, err)
	}
	r := &Run{Dir: dir, Config: redact.Text(string(config))}
	if r.Lines, err = runfolder.ReadLog[Line](filepath.Join(dir, "metrics.jsonl")); err != nil {
		return nil, err
	}
	r.Results, err = runfolder.ReadLog[Line](filepath.Join(dir, "results.jsonl"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	return r, nil
}

// figure is a curve as the page embeds it.
type figure struct {
	Title string
	SVG   template.HTML
}

// page is a self-contained document: no script, no fonts or images from elsewhere.
var page = template.Must(template.New("page").Funcs(template.FuncMap{"num": num}).Parse(`<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{{.Name}}</title><style>
body{font:15px/1.5 system-ui,sans-serif;max-width:1060px;margin:2em auto;padding:0 1em;color:#222}
.figures{display:flex;flex-wrap:wrap;gap:12px}.figures svg{width:500px;height:auto}
table{border-collapse:collapse}td,th{padding:.2em .9em;border-bottom:1px solid #ddd;text-align:left}
pre{background:#f6f6f6;padding:1em;overflow:auto;font-size:13px}h1,h2{font-weight:600}
</style></head><body><h1>{{.Name}}</h1>
{{with .Last}}<p>Step {{num .step}}, {{num .epoch}} epochs, {{num .images}} images; loss {{num .loss}}; {{num .seconds}} s of training.</p>{{end}}
{{if .Results}}<h2>Probes</h2><table><tr><th>probe</th><th>weights</th><th>step</th><th>top-1 %</th><th>top-5 %</th><th>mAP %</th></tr>
{{range .Results}}<tr><td>{{.task}}{{with .best}}, {{.}}{{end}}</td><td>{{.weights}}</td><td>{{num .step}}</td><td>{{num .top1}}</td><td>{{num .top5}}</td><td>{{with .map}}{{num .}}{{end}}</td></tr>{{end}}</table>{{end}}
<h2>Curves</h2><p>Thin: as logged. Bold: running mean.</p><div class="figures">{{range .Figures}}<div>{{.SVG}}</div>{{end}}</div>
<h2>Configuration</h2><pre>{{.Config}}</pre></body></html>
`))

// num prints a number as people read it.
func num(v any) string {
	if f, ok := v.(float64); ok {
		return strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%.3f", f), "0"), ".")
	}
	return fmt.Sprint(v)
}

// HTML writes the report.
func (r *Run) HTML(w io.Writer) error {
	view := struct {
		*Run
		Name    string
		Last    Line
		Figures []figure
	}{Run: r, Name: filepath.Base(r.Dir)}
	for _, line := range r.Lines { // of a step; lines of validations and probes stand between them
		if _, ok := line["loss"]; ok {
			view.Last = line
		}
	}
	for _, c := range Curves {
		svg, err := c.SVG(r.Lines)
		if err != nil {
			return err
		}
		if svg != nil {
			// The XML header has no place inside a page. The drawing is ours: only numbers come from the run.
			_, body, _ := bytes.Cut(svg, []byte("?>"))
			view.Figures = append(view.Figures, figure{c.Title, template.HTML(body)})
		}
	}
	return page.Execute(w, view)
}
