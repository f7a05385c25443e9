// SPDX-License-Identifier: MIT

package sweep

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"seer/config"
	"seer/models/sketch"
)

// Table holds what came out, a row for each job that is done.
type Table struct {
	Axes    []string // of all steps, sorted
	Figures []string // names of the figures, sorted
	Rows    []Row
}

// Row is what came out of a job.
type Row struct {
	Step    string
	Values  map[string]string  // by axis
	Figures map[string]float64 // by name
}

// maxResult bounds what is read of a file of results.
const maxResult = 64 << 20

// Collect reads the figures of the jobs that are done.
func Collect(jobs []*Job) (*Table, error) {
	t := &Table{}
	axes, figures := map[string]bool{}, map[string]bool{}
	for _, j := range jobs {
		state, err := StateOf(j)
		if err != nil {
			return nil, err
		}
		if state != Finished {
			continue
		}
		row, err := rowOf(j)
		if err != nil {
			return nil, err
		}
		for axis := range row.Values {
			axes[axis] = true
		}
		for name := range row.Figures {
			figures[name] = true
		}
		t.Rows = append(t.Rows, row)
	}
	t.Axes, t.Figures = slices.Sorted(maps.Keys(axes)), slices.Sorted(maps.Keys(figures))
	return t, nil
}

// rowOf reads the last result of a job: what an evaluation wrote, what a fine-tuned run ended with, or the last logged step
// of pretraining.
func rowOf(j *Job) (Row, error) {
	r := Row{Step: j.Step.Name, Values: map[string]string{}, Figures: map[string]float64{}}
	for _, v := range j.Values {
		r.Values[v.Axis] = v.Text
	}
	done, err := readDone(j)
	if err != nil {
		return r, err
	}
	r.Figures["sweep_seconds"] = done.Seconds
	if n, ok := j.parameters(); ok {
		r.Figures["parameters"] = n
	}
	path := j.Dir + resultEnding
	switch j.Step.Command {
	case "finetune":
		path = filepath.Join(j.Dir, "results.jsonl")
	case "pretrain":
		path = filepath.Join(j.Dir, "metrics.jsonl")
	}
	return r, addFigures(r.Figures, path)
}

// addFigures adds the numbers of the last line of a file.
func addFigures(figures map[string]float64, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxResult))
	if err != nil {
		return err
	}
	lines := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	var last map[string]any
	if err := json.Unmarshal(lines[len(lines)-1], &last); err != nil {
		return fmt.Errorf("%s: its last line: %w", path, err)
	}
	for name, v := range last {
		if number, ok := v.(float64); ok {
			figures[name] = number
		}
	}
	return nil
}

// parameters are those of the job's trunk without a classifier: of the experiment, or of that which its weights come from.
func (j *Job) parameters() (float64, bool) {
	for j.From != nil {
		j = j.From
	}
	experiment, err := config.Load(j.Args[1], j.Sets)
	if err != nil {
		return 0, false
	}
	network, err := experiment.Model.Trunk()
	if err != nil {
		return 0, false
	}
	return float64(sketch.Parameters(sketch.Manifest(network))), true
}

// CSV writes the table for other programs (RFC 4180).
func (t *Table) CSV(out io.Writer) error {
	w := csv.NewWriter(out)
	if err := w.Write(slices.Concat([]string{"step"}, t.Axes, t.Figures)); err != nil {
		return err
	}
	for _, r := range t.Rows {
		if err := w.Write(t.cells(r, t.Figures)); err != nil {
			return err
		}
	}
	w.Flush()
	return w.Error()
}

// Markdown writes the axes and some figures for people. Figures that no row has are left out.
func (t *Table) Markdown(out io.Writer, figures []string) error {
	figures = slices.DeleteFunc(slices.Clone(figures), func(name string) bool { return !slices.Contains(t.Figures, name) })
	head := slices.Concat([]string{"step"}, t.Axes, figures)
	lines := [][]string{head, slices.Repeat([]string{"---"}, len(head))}
	for _, r := range t.Rows {
		lines = append(lines, t.cells(r, figures))
	}
	for _, cells := range lines {
		if _, err := fmt.Fprintf(out, "| %s |\n", strings.Join(cells, " | ")); err != nil {
			return err
		}
	}
	return nil
}

// cells are those of a row; a figure that it lacks is empty.
func (t *Table) cells(r Row, figures []string) []string {
	cells := []string{r.Step}
	for _, axis := range t.Axes {
		cells = append(cells, r.Values[axis])
	}
	for _, name := range figures {
		text := ""
		if v, ok := r.Figures[name]; ok {
			text = strconv.FormatFloat(v, 'g', 6, 64)
		}
		cells = append(cells, text)
	}
	return cells
}

// Unfinished counts the jobs that are not done.
func Unfinished(jobs []*Job) (n int) {
	for _, j := range jobs {
		if state, err := StateOf(j); err != nil || state != Finished {
			n++
		}
	}
	return n
}
