// SPDX-License-Identifier: MIT

package sweep

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"seer/config"
)

const grid = `version = 1
dir = "DIR/runs"
[axes]
arch = ["regnet_y_200mf", "regnet_y_400mf"]
labels = [0.01, 1.0]
seed = [0, 1, 2]
[[step]]
name = "pretrain"
command = "pretrain"
experiment = "a.toml"
set = ["model.arch={arch}"]
[[step]]
name = "tuned"
command = "finetune"
experiment = "a.toml"
weights = "pretrain"
set = ["data.subset.fraction={labels}"]
[[step]]
name = "random"
command = "knn"
experiment = "a.toml"
random_init = true
set = ["model.arch={arch}", "run.seed={seed}"]
[[plot]]
name = "labels"
x = "labels"
y = "top1"
steps = ["tuned"]
series = ["arch"]
log_x = true
[[plot]]
name = "size"
x = "parameters"
y = "top1"
steps = ["tuned", "random"]
`

// load writes a grid and its experiment, after some replacements.
func load(t *testing.T, replace ...string) (*Grid, error) {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a.toml"), []byte("version = 1\n"), 0o644))
	text := strings.NewReplacer(append(replace, "DIR", dir)...).Replace(grid)
	path := filepath.Join(dir, "grid.toml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	return Load(path)
}

func jobsOf(t *testing.T, replace ...string) (*Grid, []*Job) {
	t.Helper()
	g, err := load(t, replace...)
	require.NoError(t, err)
	jobs, err := g.Jobs()
	require.NoError(t, err)
	return g, jobs
}

// A step is run for the values that it names and for those of the step that gives its weights.
func TestJobsAreTheCombinationsThatStepsName(t *testing.T) {
	g, jobs := jobsOf(t)
	require.Len(t, jobs, 2+2*2+2*3)
	tuned := jobs[3]
	require.Equal(t, "tuned arch=regnet_y_200mf labels=1", tuned.String())
	require.Same(t, jobs[0], tuned.From)
	require.Equal(t, []string{
		"finetune", filepath.Join(g.folder, "a.toml"), "--weights", g.Dir + "/pretrain/arch=regnet_y_200mf",
		"--set", "data.subset.fraction=1", "--set", "run.dir=" + g.Dir + "/tuned/arch=regnet_y_200mf,labels=1",
	}, tuned.Args)
	require.Equal(t, []string{
		"knn", filepath.Join(g.folder, "a.toml"), "--random-init", "--set", "model.arch=regnet_y_400mf", "--set", "run.seed=2",
		"--out", g.Dir + "/random/arch=regnet_y_400mf,seed=2.result.json",
	}, jobs[11].Args)
}

// A value may stand for several settings, or for none; the trunk's size is that of the experiment with its settings.
func TestValuesThatStandForSettings(t *testing.T) {
	_, jobs := jobsOf(t, `["regnet_y_200mf", "regnet_y_400mf"]`, `["small", "regnet_y_400mf"]`, `"model.arch={arch}"`, `"{arch}"`, "[[step]]\nname = \"pretrain\"",
		"[sets.arch]\nsmall = [\"model.arch=regnet_y\", \"model.depth=6\", \"model.w0=32\", \"model.wa=32\", \"model.wm=2.2\", \"model.group_width=16\"]\n[[step]]\nname = \"pretrain\"")
	require.Equal(t, []string{"model.arch=regnet_y", "model.depth=6", "model.w0=32", "model.wa=32", "model.wm=2.2", "model.group_width=16"}, jobs[0].Sets)
	require.Empty(t, jobs[1].Sets)
	require.Equal(t, "tuned arch=small labels=1", jobs[3].String())
	n, ok := jobs[3].parameters()
	require.True(t, ok)
	require.InEpsilon(t, .32e6, n, .02)
	_, ok = jobs[1].parameters()
	require.False(t, ok, "its experiment names no trunk")
}

// The grid of the miniature is one that can be run.
func TestShippedGrid(t *testing.T) {
	g, err := Load("../experiments/miniature/grid.toml")
	require.NoError(t, err)
	jobs, err := g.Jobs()
	require.NoError(t, err)
	require.Len(t, jobs, 51)
	tasks := map[string]config.Task{"pretrain": config.Pretrain, "finetune": config.FineTuning, "linear-eval": config.LinearEval}
	for _, j := range jobs {
		e, err := config.Load(j.Args[1], append(j.Sets, "run.dir=x"))
		require.NoError(t, err, j)
		_, err = e.Validate(tasks[j.Step.Command])
		require.NoError(t, err, j)
		_, ok := j.parameters()
		require.True(t, ok, j)
	}
}

func TestGridsThatAreRefused(t *testing.T) {
	for name, tt := range map[string]struct{ old, new, want string }{
		"version":          {"version = 1\n", "version = 2\n", "version = 2: this program reads version 1"},
		"unknown key":      {"random_init = true", "random = true", "step.random is no key of a grid"},
		"no folder":        {`dir = "DIR/runs"`, "", "dir is missing"},
		"command":          {`command = "knn"`, `command = "rm"`, `command = "rm"; allowed are pretrain, finetune`},
		"unknown axis":     {"{seed}", "{sed}", "{sed} is no axis (nearest: seed)"},
		"no values":        {"seed = [0, 1, 2]", "seed = []", "axes.seed has no values"},
		"twice":            {"seed = [0, 1, 2]", "seed = [0, 0]", `axes.seed: "0" is empty or comes twice`},
		"nested":           {"seed = [0, 1, 2]", "seed = [[1]]", "values are texts, numbers"},
		"two steps":        {`name = "tuned"`, `name = "pretrain"`, "two steps have this name"},
		"no weights":       {`weights = "pretrain"`, "", "give weights, the name of a step before it or a file"},
		"unknown weights":  {`weights = "pretrain"`, `weights = "pretrian"`, `"pretrian" is no step before this one (nearest: pretrain), and no file`},
		"own folder":       {`"model.arch={arch}", "run.seed={seed}"`, `"run.dir=x"`, "the sweep gives each run its folder"},
		"plot's axis":      {`x = "labels"`, `x = "label"`, `"label" is no axis`},
		"plot's step":      {`steps = ["tuned"]`, `steps = ["tune"]`, `"tune" is no step`},
		"plot's figure":    {"y = \"top1\"\nsteps = [\"tuned\"]", "steps = [\"tuned\"]", "y is missing"},
		"sets of no axis":  {"[[step]]\nname = \"pretrain\"", "[sets.sed]\n0 = []\n[[step]]\nname = \"pretrain\"", "sets.sed: there is no such axis (nearest: seed)"},
		"sets of no value": {"[[step]]\nname = \"pretrain\"", "[sets.seed]\n9 = []\n[[step]]\nname = \"pretrain\"", `sets.seed."9" is no value of the axis; values are 0, 1, 2`},
		"sets of no step":  {"[[step]]\nname = \"pretrain\"", "[sets.seed]\n0 = []\n[[step]]\nname = \"pretrain\"", `sets.seed: no step has "{seed}" in its set`},
		"axis alone":       {`"run.seed={seed}"`, `"{seed}"`, `set "{seed}" has no key: give the settings that its values stand for in [sets.seed]`},
		"no TOML":          {"[axes]", "[axes", "grid"},
	} {
		_, err := load(t, tt.old, tt.new)
		require.ErrorContains(t, err, tt.want, name)
	}
	g, err := load(t, `experiment = "a.toml"`, `experiment = "b.toml"`)
	require.NoError(t, err)
	_, err = g.Jobs()
	require.ErrorContains(t, err, "b.toml: no such file")
	_, err = Load("/nowhere/grid.toml")
	require.ErrorIs(t, err, os.ErrNotExist)
}

// program is a stand-in for this program: it writes results as the commands do, notes its call, and fails or waits where
// its arguments have a word.
func program(t *testing.T) (path, calls string) {
	t.Helper()
	dir := t.TempDir()
	path, calls = filepath.Join(dir, "program"), filepath.Join(dir, "calls")
	script := `#!/bin/sh
echo "$@" >>` + calls + `
for a; do last=$a; done
dir=${last#run.dir=}
case "$1" in
pretrain) mkdir -p "$dir"; echo '{"step":3,"loss":1.5}' >"$dir/metrics.jsonl" ;;
finetune) mkdir -p "$dir"; printf '{"top1":1}\n{"top1":%d,"top5":90}\n' $(cat ` + dir + `/top1 2>/dev/null || echo 80) >"$dir/results.jsonl" ;;
*) echo '{"top1":40,"task":"knn"}' >"$last" ;;
esac
case "$*" in *200mf*) [ ! -e ` + dir + `/fail ] || { echo "it is broken"; exit 3; } ;; esac
case "$*" in *400mf*) [ ! -e ` + dir + `/wait ] || exec sleep 60 ;; esac
exit 0
`
	require.NoError(t, os.WriteFile(path, []byte(script), 0o755))
	return path, calls
}

func callsOf(t *testing.T, calls string) []string {
	t.Helper()
	text, err := os.ReadFile(calls)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(calls, nil, 0o644))
	return strings.Split(strings.TrimSpace(string(text)), "\n")
}

func TestASweepPassesOverWhatIsDone(t *testing.T) {
	path, calls := program(t)
	g, jobs := jobsOf(t)
	var said []string
	r := Runner{Program: path, Grace: time.Second, Say: func(line string) { said = append(said, line) }}
	require.NoError(t, r.Run(t.Context(), jobs[:3]))
	require.Len(t, callsOf(t, calls), 3)
	require.NoError(t, r.Run(t.Context(), jobs))
	require.Len(t, callsOf(t, calls), len(jobs)-3)
	require.Zero(t, Unfinished(jobs))
	said = nil
	require.NoError(t, r.Run(t.Context(), jobs))
	require.Contains(t, said[0], "[1/12] pretrain arch=regnet_y_200mf: is done")

	// Another experiment is another sweep: nothing is mixed without a word, and nothing is thrown away.
	require.NoError(t, os.WriteFile(filepath.Join(g.folder, "a.toml"), []byte("version = 1\n[run]\nseed = 4\n"), 0o644))
	err := r.Run(t.Context(), jobs[:1])
	require.ErrorContains(t, err, "was made by another grid or experiment file")
}

// A failure is an error at the end, keeps the others from nothing but what needs its weights, and is tried again.
func TestFailuresKeepTheOthersFromNothing(t *testing.T) {
	path, calls := program(t)
	_, jobs := jobsOf(t)
	fail := filepath.Join(filepath.Dir(path), "fail")
	require.NoError(t, os.WriteFile(fail, nil, 0o644))
	r := Runner{Program: path, Grace: time.Second, Say: func(string) {}}
	err := r.Run(t.Context(), jobs)
	require.ErrorContains(t, err, "6 of 12 jobs have failed")
	require.ErrorContains(t, err, "exit status 3")
	require.ErrorContains(t, err, "it is broken")
	require.ErrorContains(t, err, "the job that its weights come from has failed: pretrain arch=regnet_y_200mf")
	require.Len(t, callsOf(t, calls), 10, "two have no weights")
	require.Equal(t, 6, Unfinished(jobs))
	require.NoError(t, os.Remove(fail))
	require.NoError(t, r.Run(t.Context(), jobs))
	require.Len(t, callsOf(t, calls), 6)

	g, alone := jobsOf(t)
	require.ErrorContains(t, r.Run(t.Context(), alone[2:3]), "its weights come from a job that is not done: pretrain arch=regnet_y_200mf", g.Dir)
}

// A sweep that is stopped stops the process that runs, which is then not done.
func TestAStoppedSweepGoesOn(t *testing.T) {
	path, calls := program(t)
	_, jobs := jobsOf(t)
	wait := filepath.Join(filepath.Dir(path), "wait")
	require.NoError(t, os.WriteFile(wait, nil, 0o644))
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(300*time.Millisecond, cancel)
	r := Runner{Program: path, Grace: 5 * time.Second, Say: func(string) {}}
	begin := time.Now()
	err := r.Run(ctx, jobs)
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorContains(t, err, "the same command goes on with pretrain arch=regnet_y_400mf")
	require.Less(t, time.Since(begin), 5*time.Second)
	require.Len(t, callsOf(t, calls), 2)
	require.NoError(t, os.Remove(wait))
	require.NoError(t, r.Run(t.Context(), jobs))
	require.Len(t, callsOf(t, calls), 11)
}

func TestTableAndPlots(t *testing.T) {
	path, _ := program(t)
	g, jobs := jobsOf(t)
	r := Runner{Program: path, Grace: time.Second, Say: func(string) {}}
	require.NoError(t, r.Run(t.Context(), jobs[:2]))
	table, err := Collect(jobs)
	require.NoError(t, err)
	var out bytes.Buffer
	require.ErrorContains(t, g.Plots[0].SVG(&out, table), `no result of tuned has the figure "top1"; figures are loss, parameters, step, sweep_seconds`)
	require.NoError(t, r.Run(t.Context(), jobs))
	table, err = Collect(jobs)
	require.NoError(t, err)
	require.Len(t, table.Rows, 12)
	require.Equal(t, []string{"arch", "labels", "seed"}, table.Axes)
	require.EqualValues(t, 80, table.Rows[3].Figures["top1"], "the last result of the run")
	require.EqualValues(t, 1.5, table.Rows[0].Figures["loss"])
	require.InEpsilon(t, 2.8e6, table.Rows[0].Figures["parameters"], .05)

	require.NoError(t, table.CSV(&out))
	lines := strings.Split(out.String(), "\n")
	require.Equal(t, "step,arch,labels,seed,loss,parameters,step,sweep_seconds,top1,top5", lines[0])
	require.Regexp(t, `^tuned,regnet_y_200mf,0\.01,,,[\d.e+]+,,[\d.e+-]+,80,90$`, lines[3])
	out.Reset()
	require.NoError(t, table.Markdown(&out, []string{"top1", "nothing"}))
	require.Contains(t, out.String(), "| tuned | regnet_y_400mf | 1 |  | 80 |\n")
	for i := range g.Plots {
		out.Reset()
		require.NoError(t, g.Plots[i].SVG(&out, table))
		require.Contains(t, out.String(), "</svg>")
		require.Contains(t, out.String(), "tuned")
	}
	lines2, err := g.Plots[1].lines(table)
	require.NoError(t, err)
	require.Len(t, lines2, 2)
	require.Len(t, lines2[1].pts, 2, "seeds are averaged")
	other := Plot{Name: "x", X: "arch", Y: "top1", Steps: []string{"tuned"}}
	require.ErrorContains(t, other.SVG(&out, table), "is no number")
}

// The values of an axis stand in the names of folders, whatever they are.
func TestFoldersOfValues(t *testing.T) {
	for want, values := range map[string][]Value{
		"all":                    nil,
		"a=x-y,b=two_words":      {{"a", "x/y"}, {"b", "two words"}},
		"lr=0.01,long=s1=2":      {{"lr", "0.01"}, {"long", "s1=2"}},
		fmt.Sprintf("a=%v", 1.5): {{"a", "1.5"}},
	} {
		require.Equal(t, want, folderOf(values))
	}
}
