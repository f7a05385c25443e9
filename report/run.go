// SPDX-License-Identifier: MIT

package report

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"

	"seer/internal/redact"
	"seer/runfolder"
)

// Run is what a run folder tells.
type Run struct {
	Dir     string
	Name    string // on the page
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
	r := &Run{Dir: dir, Name: filepath.Base(dir), Config: redact.Text(string(config))}
	if r.Lines, err = runfolder.ReadLog[Line](filepath.Join(dir, runfolder.MetricsLog)); err != nil {
		return nil, err
	}
	r.Results, err = runfolder.ReadLog[Line](filepath.Join(dir, "results.jsonl"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	return r, nil
}

// Last is the last line of a step: lines of validations and probes stand between them.
func (r *Run) Last() Line {
	for _, line := range slices.Backward(r.Lines) {
		if _, ok := line["loss"]; ok {
			return line
		}
	}
	return nil
}

// nameRuns gives runs whose folders have one name as much of their paths as tells them apart.
func nameRuns(runs []*Run) {
	for depth := 1; depth <= 32; depth++ {
		seen := map[string]bool{}
		for _, r := range runs {
			r.Name = lastParts(r.Dir, depth)
			seen[r.Name] = true
		}
		if len(seen) == len(runs) {
			return
		}
	}
}

func lastParts(path string, n int) string {
	parts := strings.Split(filepath.ToSlash(filepath.Clean(path)), "/")
	return strings.Join(parts[max(0, len(parts)-n):], "/")
}

// difference is a key that runs have other values of.
type difference struct {
	Key    string
	Values []string // of each run
}

// differences compares the settings of runs. What names a run and its folder always differs, and is left out.
func differences(runs []*Run) (all []difference) {
	flat := make([]map[string]string, len(runs))
	keys := map[string]bool{}
	for i, r := range runs {
		var tree map[string]any
		flat[i] = map[string]string{}
		if _, err := toml.Decode(r.Config, &tree); err == nil {
			flatten("", tree, flat[i])
		}
		for key := range flat[i] {
			keys[key] = true
		}
	}
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		d := difference{Key: key}
		for i := range runs {
			d.Values = append(d.Values, flat[i][key])
		}
		if key != "name" && key != "run.dir" && len(slices.Compact(slices.Clone(d.Values))) > 1 {
			all = append(all, d)
		}
	}
	return all
}

// flatten gives each value the path of its key.
func flatten(path string, v any, into map[string]string) {
	switch v := v.(type) {
	case map[string]any:
		for key, value := range v {
			flatten(strings.TrimPrefix(path+"."+key, "."), value, into)
		}
	case []map[string]any:
		for i, value := range v {
			flatten(fmt.Sprintf("%s.%d", path, i), value, into)
		}
	default:
		into[path] = fmt.Sprint(v)
	}
}
