// SPDX-License-Identifier: MIT

package config

import (
	"fmt"
	"math"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"seer/internal/redact"
)

// Problem is one thing wrong with, or doubtful about, a value.
type Problem struct {
	Path  string // "swav.epsilon", "crops.1.size"
	Value any    // what was found
	Why   string // what is allowed and what to do
}

// String is "path = value: why".
func (p Problem) String() string {
	if text, ok := p.Value.(string); ok {
		return fmt.Sprintf("%s = %q: %s", p.Path, redact.URL(text), p.Why)
	}
	return fmt.Sprintf("%s = %v: %s", p.Path, p.Value, p.Why)
}

// Invalid is the error of Validate, Resolve and CheckData: all problems of an
// experiment at once, because mending them one run at a time is tedious.
type Invalid struct{ Problems []Problem }

// Error lists the problems, one a line.
func (e *Invalid) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = p.String()
	}
	return "invalid experiment:\n  " + strings.Join(lines, "\n  ")
}

// checker collects problems and warnings.
type checker struct {
	problems []Problem
	warnings []Problem
	infinite []string // paths whose values are not finite, which is all there is to say about them
}

// refuse notes a problem when bad.
func (c *checker) refuse(bad bool, path string, value any, format string, args ...any) {
	if bad && !slices.Contains(c.infinite, path) {
		c.problems = append(c.problems, Problem{path, value, fmt.Sprintf(format, args...)})
	}
}

// doubt notes a warning when odd.
func (c *checker) doubt(odd bool, path string, value any, format string, args ...any) {
	if odd {
		c.warnings = append(c.warnings, Problem{path, value, fmt.Sprintf(format, args...)})
	}
}

func (c *checker) err() error {
	if len(c.problems) == 0 {
		return nil
	}
	return &Invalid{Problems: c.problems}
}

// finite refuses numbers that are not: TOML can spell nan and inf, and no key has a use for them. It comes before other
// checks, which then say nothing about these keys. Their bounds pass no NaN either: an experiment may come from code.
func (c *checker) finite(path string, v reflect.Value) {
	switch {
	case v.Kind() == reflect.Pointer:
		if !v.IsNil() {
			c.finite(path, v.Elem())
		}
	case v.Kind() == reflect.Float64:
		bad := math.IsNaN(v.Float()) || math.IsInf(v.Float(), 0)
		c.refuse(bad, path, v.Float(), "must be finite")
		if bad {
			c.infinite = append(c.infinite, path)
		}
	case v.Kind() == reflect.Array: // of numbers: one value
		for i := range v.Len() {
			if f := v.Index(i).Float(); !slices.Contains(c.infinite, path) && (math.IsNaN(f) || math.IsInf(f, 0)) {
				c.refuse(true, path, v.Interface(), "must be finite")
				c.infinite = append(c.infinite, path)
			}
		}
	case v.Kind() == reflect.Slice && tableOf(v.Type()) != nil:
		for i := range v.Len() {
			c.finite(entry(path, i), v.Index(i))
		}
	case v.Kind() == reflect.Struct && tableOf(v.Type()) != nil:
		for i := range v.NumField() {
			c.finite(strings.TrimPrefix(path+"."+keyName(v.Type().Field(i)), "."), v.Field(i))
		}
	}
}

func (c *checker) oneOf(path, value string, allowed ...string) {
	c.refuse(!slices.Contains(allowed, value), path, value, "allowed are %q", allowed)
}

func (c *checker) positive(path string, value float64) {
	c.refuse(!(value > 0 && value <= 1e300), path, value, "must be over 0")
}

func (c *checker) notNegative(path string, value float64) {
	c.refuse(!(value >= 0 && value <= 1e300), path, value, "must be 0 or more")
}

func (c *checker) probability(path string, value float64) {
	c.refuse(!(value >= 0 && value <= 1), path, value, "must be 0 to 1")
}

func (c *checker) atLeast(path string, value, least int) {
	c.refuse(value < least, path, value, "must be %d or more", least)
}

func (c *checker) within(path string, value, least, most int) {
	c.atLeast(path, value, least)
	c.refuse(value > most, path, value, "must be at most %d", most)
}

// length wants a duration longer than nothing.
func (c *checker) length(path string, d Duration) {
	c.refuse(!(d.Value > 0), path, d.String(), "must be longer than nothing, such as %q", "100it")
}

// variable is how shells write one.
var variable = regexp.MustCompile(`\$(\{\w+\}|[A-Za-z_]\w*)`)

// unexpanded says that a path holds what only a shell replaces, or nothing.
func unexpanded(path string) string {
	switch {
	case path == "~" || strings.HasPrefix(path, "~/"):
		return " (~ is not expanded here: write the folder itself)"
	case variable.MatchString(path):
		return fmt.Sprintf(" (%s is not expanded here: write its value)", variable.FindString(path))
	}
	return ""
}

// place checks a folder that will be made where it is not there: a shell's shorthand in it would become a name.
func (c *checker) place(path, dir string) {
	why := unexpanded(dir)
	c.refuse(why != "", path, dir, "would be made under this very name%s", why)
	c.refuse(strings.ContainsRune(dir, 0), path, dir, "no name holds a zero byte")
}

// CheckData looks whether the files that the task reads are there.
func (e *Experiment) CheckData(task Task) error {
	var c checker
	for _, s := range e.sources(task) {
		if strings.Contains(s.path, "://") {
			continue // opening it shows what is there
		}
		_, err := os.Stat(s.path)
		missing := err != nil && (!strings.ContainsAny(s.path, "*?[{") || unexpanded(s.path) != "")
		c.refuse(s.path != "" && missing, s.key, s.path, "no such file or folder%s; give yours with --set %s=PATH", unexpanded(s.path), s.key)
	}
	return c.err()
}

// source is a path of the file and the key that holds it.
type source struct{ key, path string }

func (e *Experiment) sources(task Task) []source {
	switch task {
	case LinearEval:
		return []source{{"linear.train", e.Linear.Train}, {"linear.val", e.Linear.Val}, {"linear.train_subset.list", e.Linear.TrainSubset.List}}
	case KNNEval:
		train, val, _ := e.KNN.sources(e.Linear)
		return []source{{"knn.train", train}, {"knn.val", val}, {"knn.train_subset.list", e.KNN.TrainSubset.List}}
	case FineTuning:
		all := []source{{"data.source", e.Data.Source}, {"data.subset.list", e.Data.Subset.List}, {"finetune.val", e.Finetune.Val}}
		if e.Finetune.ClassWeights != "balanced" {
			all = append(all, source{"finetune.class_weights", e.Finetune.ClassWeights})
		}
		return all
	case Detection:
		return []source{{"data.source", e.Data.Source}, {"data.subset.list", e.Data.Subset.List}, {"detect.annotations", e.Detect.Annotations},
			{"detect.val", e.Detect.Val}, {"detect.val_annotations", e.Detect.ValAnnotations}}
	case SVMEval:
		train, val, _ := e.SVMSources()
		return []source{{"svm.train", train}, {"svm.val", val}, {"svm.train_subset.list", e.SVM.TrainSubset.List}}
	default:
		all := []source{{"data.source", e.Data.Source}, {"data.subset.list", e.Data.Subset.List}}
		if e.Probe.Every.Value > 0 && e.ProbesKNN() {
			all = append(all, e.sources(KNNEval)...)
		}
		return all
	}
}
