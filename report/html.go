// SPDX-License-Identifier: MIT

package report

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"strings"
	"time"
)

// Page is what is shown: runs beside each other, and pictures of what they see.
type Page struct {
	Runs     []*Run
	Pictures []Picture
	// Reload is how often a browser asks for the page again; 0: never.
	Reload time.Duration
}

// Picture is a drawing of what a run sees.
type Picture struct {
	Title, Text string
	PNG         []byte
}

// URL is the picture itself.
func (p Picture) URL() template.URL {
	return template.URL("data:image/png;base64," + base64.StdEncoding.EncodeToString(p.PNG))
}

// view is a page as its template takes it.
type view struct {
	*Page
	Title       string
	Figures     []template.HTML
	Differences []difference
	Several     bool
	Seconds     int
}

// page is a self-contained document: no script, no fonts or images from elsewhere.
var page = template.Must(template.New("page").Funcs(template.FuncMap{"num": num}).Parse(`<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
{{with .Seconds}}<meta http-equiv="refresh" content="{{.}}">{{end}}<link rel="icon" href="data:,"><title>{{.Title}}</title><style>
body{font:15px/1.5 system-ui,sans-serif;max-width:1060px;margin:2em auto;padding:0 1em;color:#222}
.figures{display:flex;flex-wrap:wrap;gap:12px}.figures>div{flex:0 1 500px;min-width:0}.figures svg{width:100%;height:auto}
.wide{overflow-x:auto}table{border-collapse:collapse}td,th{padding:.2em .9em .2em 0;border-bottom:1px solid #ddd;text-align:left;vertical-align:top}
img{max-width:100%;height:auto}pre{background:#f6f6f6;padding:1em;overflow:auto;font-size:13px}h1,h2{font-weight:600;overflow-wrap:anywhere}
</style></head><body><h1>{{.Title}}</h1>
{{if .Several}}<div class="wide"><table><tr><th>run</th><th>step</th><th>epochs</th><th>images</th><th>loss</th><th>seconds</th></tr>
{{range .Runs}}<tr><td>{{.Name}}</td>{{with .Last}}<td>{{num .step}}</td><td>{{num .epoch}}</td><td>{{num .images}}</td><td>{{num .loss}}</td><td>{{num .seconds}}</td>{{end}}</tr>{{end}}</table></div>
{{with .Differences}}<h2>What differs</h2><div class="wide"><table><tr><th>key</th>{{range $.Runs}}<th>{{.Name}}</th>{{end}}</tr>
{{range .}}<tr><td>{{.Key}}</td>{{range .Values}}<td>{{.}}</td>{{end}}</tr>{{end}}</table></div>{{end}}
{{else}}{{range .Runs}}{{with .Last}}<p>Step {{num .step}}, {{num .epoch}} epochs, {{num .images}} images; loss {{num .loss}}; {{num .seconds}} s of training.</p>{{end}}{{end}}{{end}}
{{if .HasResults}}<h2>Probes</h2><div class="wide"><table><tr>{{if .Several}}<th>run</th>{{end}}<th>probe</th><th>weights</th><th>step</th><th>top-1 %</th><th>top-5 %</th><th>mAP %</th></tr>
{{range $run := .Runs}}{{range .Results}}<tr>{{if $.Several}}<td>{{$run.Name}}</td>{{end}}<td>{{.task}}{{with .best}}, {{.}}{{end}}</td><td>{{.weights}}</td><td>{{num .step}}</td><td>{{with .top1}}{{num .}}{{end}}</td><td>{{with .top5}}{{num .}}{{end}}</td><td>{{with .map}}{{num .}}{{end}}</td></tr>
{{end}}{{end}}</table></div>{{end}}
<h2>Curves</h2><p>Thin: as logged. Bold: running mean.</p><div class="figures">{{range .Figures}}<div>{{.}}</div>{{end}}</div>
{{range .Pictures}}<h2>{{.Title}}</h2><p>{{.Text}}</p><img src="{{.URL}}" alt="{{.Title}}">
{{end}}{{range .Runs}}<h2>Configuration{{if $.Several}} of {{.Name}}{{end}}</h2><pre>{{.Config}}</pre>{{end}}</body></html>
`))

// num prints a number as people read it.
func num(v any) string {
	if f, ok := v.(float64); ok {
		return strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%.3f", f), "0"), ".")
	}
	if v == nil {
		return ""
	}
	return fmt.Sprint(v)
}

// HasResults tells whether a run has been probed.
func (p *Page) HasResults() bool {
	for _, r := range p.Runs {
		if len(r.Results) > 0 {
			return true
		}
	}
	return false
}

// HTML writes the page.
func (p *Page) HTML(w io.Writer) error {
	nameRuns(p.Runs)
	var names []string
	for _, r := range p.Runs {
		names = append(names, r.Name)
	}
	v := view{Page: p, Title: strings.Join(names, ", "), Several: len(p.Runs) > 1, Seconds: int(p.Reload.Seconds())}
	if v.Several {
		v.Differences = differences(p.Runs)
	}
	for _, c := range Curves {
		svg, err := c.SVG(p.Runs...)
		if err != nil {
			return err
		}
		if svg != nil {
			// The XML header has no place inside a page. The drawing is ours: numbers come from the runs, and their names,
			// which the drawing escapes.
			_, body, _ := bytes.Cut(svg, []byte("?>"))
			v.Figures = append(v.Figures, template.HTML(body))
		}
	}
	return page.Execute(w, v)
}
