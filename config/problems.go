// SPDX-License-Identifier: MIT

package config

import (
	"fmt"
	"os"
	"slices"
	"strings"
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
		return fmt.Sprintf("%s = %q: %s", p.Path, text, p.Why)
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
}

// refuse notes a problem when bad.
func (c *checker) refuse(bad bool, path string, value any, format string, args ...any) {
	if bad {
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

// The bounds are written so that NaN, which TOML can spell, passes none of them.

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

// interval wants low ≤ high, both over 0 and at most limit.
func (c *checker) interval(path string, value [2]float64, limit float64) {
	good := value[0] > 0 && value[0] <= value[1] && value[1] <= limit
	c.refuse(!good, path, value, "must be [low, high] with 0 < low ≤ high ≤ %g", limit)
}

// length wants a duration longer than nothing.
func (c *checker) length(path string, d Duration) {
	c.refuse(!(d.Value > 0), path, d.String(), "must be longer than nothing, such as %q", "100it")
}

// CheckData looks whether the files that the task reads are there.
func (e *Experiment) CheckData(task Task) error {
	var c checker
	for _, s := range e.sources(task) {
		if strings.Contains(s.path, "://") {
			continue // opening it shows what is there
		}
		_, err := os.Stat(s.path)
		missing := err != nil && !strings.ContainsAny(s.path, "*?[{")
		c.refuse(s.path != "" && missing, s.key, s.path, "no such file or folder; give yours with --set %s=PATH", s.key)
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
	default:
		return []source{{"data.source", e.Data.Source}, {"data.subset.list", e.Data.Subset.List}}
	}
}
