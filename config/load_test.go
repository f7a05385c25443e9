// SPDX-License-Identifier: MIT

package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// write puts files into a fresh folder and returns the path of the first name.
func write(t *testing.T, files map[string]string, name string) string {
	t.Helper()
	dir := t.TempDir()
	for n, text := range files {
		path := filepath.Join(dir, n)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	}
	return filepath.Join(dir, name)
}

// load reads one file's text with overrides.
func load(t *testing.T, text string, sets ...string) (*Experiment, error) {
	t.Helper()
	return Load(write(t, map[string]string{"x.toml": text}, "x.toml"), sets)
}

func TestLoadOverDefaults(t *testing.T) {
	e, err := load(t, `
version = 1
[data]
source = "images"
[[crops]]
count = 2
size = 224
scale = [0.14, 1.0]
[swav]
hidden = [2048]
freeze_prototypes = "1ep"
[[optim.rules]]
match = "prototypes.*"
lr_mult = 0.0
[[optim.rules]]
match = ".*"
`)
	require.NoError(t, err)
	assert.Equal(t, "x", e.Name, "the name is the file's")
	assert.Equal(t, "runs/x", e.Run.Dir)
	assert.Equal(t, "images", e.Data.Source)
	assert.Equal(t, []Crop{{2, 224, [2]float64{0.14, 1}, [2]float64{0.75, 4.0 / 3}}}, e.Crops, "the ratio has a default")
	assert.Equal(t, []int{2048}, e.SwAV.Hidden, "lists are replaced")
	assert.Equal(t, Duration{1, Epochs}, e.SwAV.FreezePrototypes)
	assert.Equal(t, 16000, e.SwAV.Prototypes, "what the file leaves out keeps its default")
	require.Len(t, e.Optim.Rules, 2)
	assert.Zero(t, *e.Optim.Rules[0].LRMult)
	assert.Nil(t, e.Optim.Rules[1].LRMult)
}

func TestLoadErrorsNameFileLineAndNearestKey(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"misspelt key", "version = 1\n[swav]\n\nprototype = 3\n", []string{"x.toml:4: swav.prototype: unknown key; nearest: swav.prototypes"}},
		{"misspelt table", "version = 1\n[optin]\nbatch = 3\nbase_lr = 1\n", []string{"x.toml:2: optin: unknown key"}},
		{"several at once", "version = 1\nnam = 'a'\n[run]\nsed = 1\n", []string{"x.toml:2: nam: unknown key; nearest: name", "x.toml:4: run.sed: unknown key; nearest: run.seed"}},
		{"wrong table", "version = 1\n[train]\nepsilon = 3\n", []string{"train.epsilon: unknown key; nearest: swav.epsilon"}},
		{"in an array of tables", "version = 1\n[[crops]]\ncount = 2\n[[crops]]\nsizes = 3\n", []string{"x.toml:5: crops.sizes: unknown key; nearest: crops.size"}},
		{"in an inline table", "version = 1\n[augment]\nflip = 0.5\njitter = {p = 0.8, hues = 0.1}\n", []string{"x.toml:4: augment.jitter.hues", "nearest: augment.jitter.hue"}},
		{"accumulation", "version = 1\n[optim]\naccumulate = 8\n", []string{"train.accumulate", "pretraining has none", "swav.queue_length"}},
		{"wrong type", "version = 1\n[optim]\nbatch = 'big'\n", []string{"x.toml:3: optim.batch", "integer"}},
		{"duration without a unit", "version = 1\n[train]\nduration = '100'\n", []string{"x.toml:3:", "it has no unit"}},
		{"duration as a number", "version = 1\n[train]\nduration = 100\n", []string{"x.toml:3:", "it has no unit"}},
		{"wrong length", "version = 1\n[[crops]]\ncount = 1\nscale = [1.0]\n", []string{"x.toml:4:", "2"}},
		{"type of a list of tables", "version = 1\ncrops = 3\n", []string{"x.toml:2: crops:", "wanted is a list of tables such as [{count = 2"}},
		{"type of a table", "version = 1\noptim = 3\n", []string{"x.toml:2: optim:", "wanted is a table with batch, base_lr"}},
		{"too large", "version = 1\n[optim]\nbatch = 99999999999999999999\n", []string{"x.toml:3: optim.batch: 99999999999999999999 is out of range for int64; wanted is a whole number"}},
		{"a name of another program", "version = 1\n[optim]\nlr = 3\n", []string{"x.toml:3: optim.lr: unknown key; here that is optim.base_lr"}},
		{"Windows", "\xef\xbb\xbfversion = 1\r\n[run]\r\nsed = 3\r\n", []string{"x.toml:3: run.sed: unknown key; nearest: run.seed"}},
		{"UTF-16", "\xff\xfev\x00e\x00", []string{"x.toml:1:", "UTF-8"}},
		{"endless", strings.Repeat("# \n", 1<<19), []string{"x.toml: is over 1024 KiB: no experiment is"}},
		{"syntax", "version = 1\n[run\n", []string{"x.toml:3:", "end table name"}},
		{"same key twice", "version = 1\nname = 'a'\nname = 'b'\n", []string{"x.toml:3:", "name"}},
		{"another case", "version = 1\n[optim]\nBatch = 2\n", []string{"x.toml:3: optim.Batch: unknown key; nearest: optim.batch"}},
		{"quoted dots", "version = 1\n\"run.seed\" = 2\n", []string{"unknown key"}},
		{"negative seed", "version = 1\n[run]\nseed = -2\n", []string{"x.toml:3: run.seed = -2: must be 0 or more"}},
		{"no version", "name = 'a'\n", []string{"x.toml: version is missing; add the line version = 1"}},
		{"future version", "\nversion = 2\n", []string{"x.toml:2: version = 2 is not known; this program reads version 1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := load(t, c.text)
			for _, want := range c.want {
				assert.ErrorContains(t, err, want)
			}
		})
	}
	_, err := Load(filepath.Join(t.TempDir(), "none.toml"), nil)
	assert.ErrorContains(t, err, "none.toml")
}

func TestFilesThatAreNotThere(t *testing.T) {
	path := write(t, map[string]string{"quickstart.toml": "version = 1", "other.toml": "version = 1\nbase = '~/b.toml'"}, "quickstart.toml")
	dir := filepath.Dir(path)
	for name, want := range map[string]string{
		"":                                   "which experiment?",
		dir:                                  "is a folder: name a file in it, such as " + filepath.Join(dir, "other.toml"),
		t.TempDir():                          "is a folder: name a TOML file",
		filepath.Join(dir, "quikstart.toml"): "nearest: " + path,
		filepath.Join(dir, "quickstart"):     "nearest: " + path,
		"~/x.toml":                           "~ is not expanded here",
		"$HOME/x.toml":                       "$HOME is not expanded here",
		"${HOME}/x.toml":                     "${HOME} is not expanded here",
		filepath.Join(dir, "other.toml"):     "a base is looked for beside the file that names it",
		"/dev/zero":                          "no experiment is",
	} {
		_, err := Load(name, nil)
		assert.ErrorContains(t, err, want, name)
	}
	e, err := Load(write(t, map[string]string{"x.toml": "\xef\xbb\xbfversion = 1\r\n[run]\r\ndir = 'räumliche Läufe'\r\n"}, "x.toml"), nil)
	require.NoError(t, err, "as Windows writes it")
	assert.Equal(t, "räumliche Läufe", e.Run.Dir)
	absolute, err := Load(write(t, map[string]string{"x.toml": "version = 1\nbase = '" + path + "'"}, "x.toml"), nil)
	require.NoError(t, err, "a base may have an absolute path")
	assert.Equal(t, "x", absolute.Name)
}

func TestBase(t *testing.T) {
	path := write(t, map[string]string{
		"common.toml": "version = 1\nname = 'common'\n[run]\ndir = 'common-run'\nseed = 7\nkeep = 5\n[augment]\nflip = 0.1\ngray = 0.1\n" +
			"[[crops]]\ncount = 2\nsize = 224\nscale = [0.14, 1.0]\nratio = [1.0, 1.0]\n[[crops]]\ncount = 4\nsize = 96\nscale = [0.05, 0.14]\n",
		"family/base.toml": "version = 1\nbase = '../common.toml'\n[run]\nseed = 8\n[augment]\nflip = 0.2\n[optim]\nrules = [{match = 'a'}, {match = 'b', freeze = true}]\n",
		"family/top.toml":  "version = 1\nbase = 'base.toml'\n[augment]\nblur = {p = 0.25}\n[[crops]]\ncount = 2\nsize = 96\nscale = [0.2, 1.0]\n[[optim.rules]]\nmatch = '.*'\n",
	}, "family/top.toml")
	e, err := Load(path, nil)
	require.NoError(t, err)
	assert.Equal(t, uint64(8), e.Run.Seed, "the nearer base wins")
	assert.Equal(t, 5, e.Run.Keep, "the farther one shows through")
	assert.Equal(t, 0.2, e.Augment.Flip)
	assert.Equal(t, 0.1, e.Augment.Gray)
	assert.Equal(t, Blur{0.25, [2]float64{0.1, 2}}, e.Augment.Blur, "tables merge, inline ones too")
	assert.Equal(t, []Crop{{2, 96, [2]float64{0.2, 1}, defaultRatio}}, e.Crops, "arrays of tables are replaced as a whole")
	assert.Equal(t, []Rule{{Match: ".*"}}, e.Optim.Rules)
	assert.Equal(t, "top", e.Name, "a base does not name what stands on it")
	assert.Equal(t, "runs/top", e.Run.Dir)
	assert.Empty(t, e.Base)
}

func TestBaseErrors(t *testing.T) {
	for _, c := range []struct {
		name  string
		files map[string]string
		want  string
	}{
		{"itself", map[string]string{"x.toml": "version = 1\nbase = 'x.toml'"}, "leads back to"},
		{"cycle", map[string]string{"x.toml": "version = 1\nbase = 'y.toml'", "y.toml": "version = 1\nbase = 'x.toml'"}, "leads back to"},
		{"too deep", map[string]string{
			"x.toml": "version = 1\nbase = 'a.toml'", "a.toml": "version = 1\nbase = 'b.toml'",
			"b.toml": "version = 1\nbase = 'c.toml'", "c.toml": "version = 1",
		}, "at most 2 bases"},
		{"missing", map[string]string{"x.toml": "version = 1\nbase = 'none.toml'"}, "none.toml"},
		{"a bad base is named", map[string]string{"x.toml": "version = 1\nbase = 'b.toml'", "b.toml": "version = 1\n\n[runs]"}, "b.toml:3: runs: unknown key"},
		{"a base has a version", map[string]string{"x.toml": "version = 1\nbase = 'b.toml'", "b.toml": "[run]"}, "b.toml: version is missing"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Load(write(t, c.files, "x.toml"), nil)
			assert.ErrorContains(t, err, c.want)
		})
	}
}

// full sets something in every table and list.
const full = `
version = 1
name = "full"
[run]
seed = 42
checkpoint_every = "2.5%"
[data]
source = "a \"quoted\" path"
subset = {fraction = 0.1, seed = 3}
[[crops]]
count = 2
size = 224
scale = [0.14, 1.0]
[[crops]]
count = 4
size = 96
scale = [0.05, 0.14]
ratio = [1.0, 1.0]
[model]
arch = "regnet_y_16gf"
[swav]
hidden = []
assign_crops = [1]
queue_length = 3840
queue_start = "15ep"
[optim]
batch = 256
[[optim.rules]]
match = 'trunk\..*'
lr_mult = 0.1
adapt = false
[[optim.rules]]
match = ".*"
weight_decay = 0.0
freeze_until = "313it"
[schedule]
kind = "step"
milestones = ["1e6img", "50%"]
[train]
duration = "1e9img"
[linear]
milestones = []
schedule = "cosine"
`

func TestEncodeLoadsBack(t *testing.T) {
	e, err := load(t, full)
	require.NoError(t, err)
	text, err := e.Text()
	require.NoError(t, err)
	again, err := load(t, text)
	require.NoError(t, err, text)
	assert.Empty(t, cmp.Diff(e, again), text)
	twice, err := again.Text()
	require.NoError(t, err)
	assert.Equal(t, text, twice)
	assert.NotContains(t, text, "freeze_until = \"\"", "what a rule does not say is left out")
}

func TestDefaultsLoadBack(t *testing.T) {
	e, err := load(t, "version = 1")
	require.NoError(t, err)
	text, err := e.Text()
	require.NoError(t, err)
	again, err := load(t, text)
	require.NoError(t, err)
	assert.Empty(t, cmp.Diff(e, again), text)
}

func FuzzDecode(f *testing.F) {
	f.Add(full)
	f.Add("version = 1\n[[crops]]\n[[crops]]\nscale = [nan, inf]\n")
	f.Add("version = 1\nrun.seed = 3\n[optim]\nrules = [{}]\n")
	f.Fuzz(func(t *testing.T, text string) {
		parsed, err := parseFile("x.toml", text)
		if err != nil {
			return
		}
		e := Default()
		if err := e.decode(parsed); err != nil {
			return
		}
		e.Base = ""
		e.fill()
		for _, task := range []Task{Pretrain, LinearEval, KNNEval} {
			_, _ = e.Validate(task)
		}
		first, err := e.Text()
		if err != nil {
			t.Fatal(err)
		}
		again := Default()
		parsed, err = parseFile("again.toml", first)
		if err == nil {
			err = again.decode(parsed)
		}
		if err != nil {
			t.Fatalf("%v\n%s", err, first)
		}
		again.fill()
		// Compared as text: NaN differs from itself.
		if second, _ := again.Text(); second != first {
			t.Fatal(cmp.Diff(first, second))
		}
	})
}
