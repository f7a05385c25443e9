// SPDX-License-Identifier: MIT

package sweep

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Job is one command with its values: a run, or the evaluation of one.
type Job struct {
	Step   *Step
	Values []Value // in the order of the axes' names
	Dir    string  // its folder
	// From is the job whose run gives the weights; nil for none.
	From *Job
	// Args are those of the program.
	Args []string
	// Sets are the settings among them.
	Sets []string
}

// Value is the value of an axis.
type Value struct{ Axis, Text string }

// Jobs are all commands of the grid, in an order in which each has its weights.
func (g *Grid) Jobs() ([]*Job, error) {
	var jobs []*Job
	of := make([][]*Job, len(g.Steps)) // of each step
	for i := range g.Steps {
		for _, values := range g.combinations(g.axesOf(i)) {
			j := &Job{Step: &g.Steps[i], Values: values, Dir: filepath.Join(g.Dir, g.Steps[i].Name, folderOf(values))}
			if from := g.source(i); from >= 0 {
				j.From = matching(of[from], values)
			}
			j.Sets = g.sets(j)
			j.Args = g.args(j)
			of[i], jobs = append(of[i], j), append(jobs, j)
		}
	}
	for _, j := range jobs {
		if path := j.Args[1]; !exists(path) {
			return nil, fmt.Errorf("step %q: experiment %s: no such file", j.Step.Name, path)
		}
	}
	return jobs, nil
}

// axesOf are the axes that step i names, or the step that its weights are from, sorted.
func (g *Grid) axesOf(i int) []string {
	s := &g.Steps[i]
	var axes []string
	if from := g.source(i); from >= 0 {
		axes = g.axesOf(from)
	}
	for _, text := range append(slices.Clone(s.Set), s.Experiment, s.Weights) {
		axes = append(axes, named(text)...)
	}
	slices.Sort(axes)
	return slices.Compact(axes)
}

// combinations are the values of axes, the last axis changing fastest.
func (g *Grid) combinations(axes []string) [][]Value {
	all := [][]Value{nil}
	for _, axis := range axes {
		var next [][]Value
		for _, values := range all {
			for _, v := range g.Axes[axis] {
				next = append(next, append(slices.Clone(values), Value{axis, value(v)}))
			}
		}
		all = next
	}
	return all
}

// matching is the job whose values are among some.
func matching(jobs []*Job, values []Value) *Job {
	for _, j := range jobs {
		if !slices.ContainsFunc(j.Values, func(v Value) bool { return !slices.Contains(values, v) }) {
			return j
		}
	}
	return nil
}

// folderOf names a combination so that people find it and a file system takes it.
func folderOf(values []Value) string {
	if len(values) == 0 {
		return "all"
	}
	parts := make([]string, len(values))
	for i, v := range values {
		parts[i] = v.Axis + "=" + strings.NewReplacer("/", "-", " ", "_").Replace(v.Text)
	}
	return strings.Join(parts, ",")
}

func (g *Grid) args(j *Job) []string {
	s := j.Step
	experiment := j.fill(s.Experiment)
	if !filepath.IsAbs(experiment) {
		experiment = filepath.Join(g.folder, experiment)
	}
	args := []string{s.Command, experiment}
	switch {
	case j.From != nil:
		args = append(args, "--weights", j.From.Dir)
	case s.Weights != "":
		args = append(args, "--weights", j.fill(s.Weights))
	case s.RandomInit:
		args = append(args, "--random-init")
	}
	for _, set := range j.Sets {
		args = append(args, "--set", set)
	}
	if j.trains() {
		return append(args, "--set", "run.dir="+j.Dir)
	}
	return append(args, "--out", j.Dir+resultEnding)
}

// fill puts the job's values where a text names their axes.
func (j *Job) fill(text string) string {
	for _, v := range j.Values {
		text = strings.ReplaceAll(text, "{"+v.Axis+"}", v.Text)
	}
	return text
}

// sets are the settings of a job: those of its step, and in the place of an axis alone those that its value stands for.
func (g *Grid) sets(j *Job) (sets []string) {
	for _, set := range j.Step.Set {
		if axis, alone := aloneIn(set); alone {
			sets = append(sets, g.Sets[axis][j.fill(set)]...)
			continue
		}
		sets = append(sets, j.fill(set))
	}
	return sets
}

// trains tells a command with a run folder of its own from one that writes a result.
func (j *Job) trains() bool { return j.Step.Command == "pretrain" || j.Step.Command == "finetune" }

// String names the job in messages.
func (j *Job) String() string {
	words := []string{j.Step.Name}
	for _, v := range j.Values {
		words = append(words, v.Axis+"="+v.Text)
	}
	return strings.Join(words, " ")
}

// digest identifies what the job does: its arguments, its experiment file, and the job that its weights come from.
func (j *Job) digest() (string, error) {
	h := sha256.New()
	text, err := os.ReadFile(j.Args[1])
	if err != nil {
		return "", err
	}
	fmt.Fprintf(h, "%q\n%s\n", j.Args, text)
	if j.From != nil {
		before, err := j.From.digest()
		if err != nil {
			return "", err
		}
		fmt.Fprintln(h, before)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
