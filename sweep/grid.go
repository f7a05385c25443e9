// SPDX-License-Identifier: MIT

package sweep

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"

	"seer/internal/nearest"
)

// Grid is a grid file: values on axes, and the commands that are run for their combinations.
type Grid struct {
	Version int `toml:"version"`
	// Dir is the folder of the sweep; each command has a folder below it.
	Dir string `toml:"dir"`
	// Axes are the values, by the name that stands in braces in a step.
	Axes map[string][]any `toml:"axes"`
	// Sets are the settings, as --set has them, that a value stands for where a step's set has its axis alone: by axis and
	// value. A value that is not there stands for none.
	Sets map[string]map[string][]string `toml:"sets"`
	// Steps are run for the values of the axes that they name, in this order.
	Steps []Step `toml:"step"`
	// Plots are drawn of the table at the end.
	Plots []Plot `toml:"plot"`

	folder string // of the file: experiments are relative to it
}

// Step is one command of the grid, run once for each combination of the values that it names.
type Step struct {
	Name       string   `toml:"name"`
	Command    string   `toml:"command"`    // one of Commands
	Experiment string   `toml:"experiment"` // a TOML file, relative to the grid's
	Set        []string `toml:"set"`        // overrides, as --set has them
	// Weights is the name of a step before this one, whose run with the same values gives the weights, or a file.
	Weights string `toml:"weights"`
	// RandomInit begins without weights.
	RandomInit bool `toml:"random_init"`
}

// Commands are those that a step may run.
var Commands = []string{"pretrain", "finetune", "linear-eval", "knn", "svm"}

// Plot is a figure of the table.
type Plot struct {
	Name   string   `toml:"name"`  // of the file, without .svg
	Title  string   `toml:"title"` // above it
	X      string   `toml:"x"`     // an axis, or "parameters": those of the trunk
	Y      string   `toml:"y"`     // a figure of the results, such as top1
	Steps  []string `toml:"steps"` // whose results are drawn
	Series []string `toml:"series"`
	LogX   bool     `toml:"log_x"`
}

// Load reads and checks a grid file.
func Load(path string) (*Grid, error) {
	g := &Grid{folder: filepath.Dir(path)}
	meta, err := toml.DecodeFile(path, g)
	if err != nil {
		return nil, fmt.Errorf("grid %s: %w", path, err)
	}
	if unknown := meta.Undecoded(); len(unknown) > 0 {
		return nil, fmt.Errorf("grid %s: %s is no key of a grid; keys are version, dir, axes, sets, step and plot", path, unknown[0])
	}
	if err := g.check(); err != nil {
		return nil, fmt.Errorf("grid %s: %w", path, err)
	}
	return g, nil
}

func (g *Grid) check() error {
	if g.Version != 1 {
		return fmt.Errorf("version = %d: this program reads version 1", g.Version)
	}
	if g.Dir == "" {
		return fmt.Errorf("dir is missing: name a folder for the runs, such as dir = \"runs/mine\"")
	}
	if len(g.Steps) == 0 {
		return fmt.Errorf("it has no [[step]]: there is nothing to run")
	}
	for _, axis := range slices.Sorted(maps.Keys(g.Axes)) {
		if err := g.checkAxis(axis); err != nil {
			return err
		}
	}
	if err := g.checkSets(); err != nil {
		return err
	}
	for i := range g.Steps {
		if err := g.checkStep(i); err != nil {
			return err
		}
	}
	for i := range g.Plots {
		if err := g.checkPlot(&g.Plots[i]); err != nil {
			return err
		}
	}
	return nil
}

var plainName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]*$`)

func (g *Grid) checkAxis(axis string) error {
	if !plainName.MatchString(axis) {
		return fmt.Errorf("axes.%s: a name has letters, digits, _ and -", axis)
	}
	seen := map[string]bool{}
	for _, v := range g.Axes[axis] {
		switch v.(type) {
		case string, int64, float64, bool:
		default:
			return fmt.Errorf("axes.%s: %v is a %T; values are texts, numbers, true and false", axis, v, v)
		}
		if text := value(v); seen[text] || text == "" {
			return fmt.Errorf("axes.%s: %q is empty or comes twice", axis, text)
		} else {
			seen[text] = true
		}
	}
	if len(seen) == 0 {
		return fmt.Errorf("axes.%s has no values", axis)
	}
	return nil
}

// checkSets finds settings that no step could ever get.
func (g *Grid) checkSets() error {
	for _, axis := range slices.Sorted(maps.Keys(g.Sets)) {
		if g.Axes[axis] == nil {
			return fmt.Errorf("sets.%s: there is no such axis%s", axis, near(axis, slices.Sorted(maps.Keys(g.Axes))))
		}
		var known []string
		for _, v := range g.Axes[axis] {
			known = append(known, value(v))
		}
		for _, text := range slices.Sorted(maps.Keys(g.Sets[axis])) {
			if !slices.Contains(known, text) {
				return fmt.Errorf("sets.%s.%q is no value of the axis; values are %s", axis, text, strings.Join(known, ", "))
			}
		}
		alone := func(s Step) bool { return slices.Contains(s.Set, "{"+axis+"}") }
		if !slices.ContainsFunc(g.Steps, alone) {
			return fmt.Errorf("sets.%s: no step has %q in its set, which these settings would stand in for", axis, "{"+axis+"}")
		}
	}
	return nil
}

func (g *Grid) checkStep(i int) error {
	s := &g.Steps[i]
	if !plainName.MatchString(s.Name) {
		return fmt.Errorf("step %d: name = %q: a name has letters, digits, _ and -", i+1, s.Name)
	}
	fail := func(format string, args ...any) error {
		return fmt.Errorf("step %q: "+format, append([]any{s.Name}, args...)...)
	}
	if slices.ContainsFunc(g.Steps[:i], func(before Step) bool { return before.Name == s.Name }) {
		return fail("two steps have this name")
	}
	if !slices.Contains(Commands, s.Command) {
		return fail("command = %q; allowed are %s", s.Command, strings.Join(Commands, ", "))
	}
	if s.Experiment == "" {
		return fail("experiment is missing: name its TOML file")
	}
	if s.Command == "pretrain" && (s.Weights != "" || s.RandomInit) {
		return fail("pretraining begins with random weights: leave weights and random_init away")
	}
	if s.Command != "pretrain" && (s.Weights == "") == !s.RandomInit {
		return fail("give weights, the name of a step before it or a file, or random_init = true: one of the two")
	}
	for _, text := range append(slices.Clone(s.Set), s.Experiment, s.Weights) {
		for _, axis := range named(text) {
			if g.Axes[axis] == nil {
				return fail("{%s} is no axis%s", axis, near(axis, slices.Sorted(maps.Keys(g.Axes))))
			}
		}
	}
	for _, set := range s.Set {
		if strings.HasPrefix(set, "run.dir=") {
			return fail("set %q: the sweep gives each run its folder", set)
		}
		if axis, alone := aloneIn(set); alone && g.Sets[axis] == nil {
			return fail("set %q has no key: give the settings that its values stand for in [sets.%s]", set, axis)
		}
	}
	if from := g.source(i); from < 0 && s.Weights != "" && !strings.ContainsAny(s.Weights, "./") {
		var names []string
		for _, before := range g.Steps[:i] {
			names = append(names, before.Name)
		}
		return fail("weights = %q is no step before this one%s, and no file", s.Weights, near(s.Weights, names))
	} else if from >= 0 && g.Steps[from].Command != "pretrain" && g.Steps[from].Command != "finetune" {
		return fail("weights = %q: a step with the command %s makes no weights", s.Weights, g.Steps[from].Command)
	}
	return nil
}

func (g *Grid) checkPlot(p *Plot) error {
	if !plainName.MatchString(p.Name) {
		return fmt.Errorf("plot %q: a name has letters, digits, _ and -", p.Name)
	}
	if p.Y == "" {
		return fmt.Errorf("plot %q: y is missing: a figure of the results, such as \"top1\"", p.Name)
	}
	for _, axis := range append([]string{p.X}, p.Series...) {
		if axis == "parameters" || g.Axes[axis] != nil {
			continue
		}
		return fmt.Errorf("plot %q: %q is no axis; axes are %s, and \"parameters\"", p.Name, axis, strings.Join(slices.Sorted(maps.Keys(g.Axes)), ", "))
	}
	for _, name := range p.Steps {
		if !slices.ContainsFunc(g.Steps, func(s Step) bool { return s.Name == name }) {
			return fmt.Errorf("plot %q: %q is no step", p.Name, name)
		}
	}
	if len(p.Steps) == 0 {
		return fmt.Errorf("plot %q: steps is missing: name those whose results it shows", p.Name)
	}
	return nil
}

// source is the step whose run gives the weights of step i; -1 for none.
func (g *Grid) source(i int) int {
	return slices.IndexFunc(g.Steps[:i], func(s Step) bool { return s.Name == g.Steps[i].Weights })
}

var inBraces = regexp.MustCompile(`\{([A-Za-z][A-Za-z0-9_-]*)\}`)

// named are the axes that a text names.
func named(text string) (axes []string) {
	for _, m := range inBraces.FindAllStringSubmatch(text, -1) {
		axes = append(axes, m[1])
	}
	return axes
}

// aloneIn is the axis of a text that is nothing else.
func aloneIn(text string) (axis string, alone bool) {
	m := inBraces.FindStringSubmatch(text)
	if m == nil || m[0] != text {
		return "", false
	}
	return m[1], true
}

func near(name string, known []string) string {
	if list := nearest.Names(name, known, 1); len(list) > 0 {
		return fmt.Sprintf(" (nearest: %s)", list[0])
	}
	return ""
}

// value is a value as it stands in commands and names.
func value(v any) string { return fmt.Sprint(v) }

// exists tells a file from none.
func exists(path string) bool { _, err := os.Stat(path); return err == nil }
