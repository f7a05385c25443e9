// SPDX-License-Identifier: MIT

package config

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSet(t *testing.T) {
	const text = "version = 1\n[[crops]]\ncount = 2\nsize = 224\nscale = [0.14, 1.0]\n[[optim.rules]]\nmatch = '.*'\n"
	for _, c := range []struct {
		set  string
		got  func(*Experiment) any
		want any
	}{
		{"optim.batch=512", func(e *Experiment) any { return e.Optim.Batch }, 512},
		{"optim.base_lr=1e-3", func(e *Experiment) any { return e.Optim.BaseLR }, 0.001},
		{"optim.base_lr=3", func(e *Experiment) any { return e.Optim.BaseLR }, 3.0},
		{" run.seed = 9 ", func(e *Experiment) any { return e.Run.Seed }, uint64(9)},
		{"data.source=/data/a=b, c", func(e *Experiment) any { return e.Data.Source }, "/data/a=b, c"},
		{`data.source="/data/x"`, func(e *Experiment) any { return e.Data.Source }, "/data/x"},
		{`data.source='C:\x'`, func(e *Experiment) any { return e.Data.Source }, `C:\x`},
		{"data.source=", func(e *Experiment) any { return e.Data.Source }, ""},
		{"data.labels=true", func(e *Experiment) any { return e.Data.Labels }, true},
		{"train.duration=2ep", func(e *Experiment) any { return e.Train.Duration }, Duration{2, Epochs}},
		{`train.duration="2ep"`, func(e *Experiment) any { return e.Train.Duration }, Duration{2, Epochs}},
		{"swav.hidden=[16, 8]", func(e *Experiment) any { return e.SwAV.Hidden }, []int{16, 8}},
		{"swav.hidden=16,8", func(e *Experiment) any { return e.SwAV.Hidden }, []int{16, 8}},
		{"swav.hidden=16", func(e *Experiment) any { return e.SwAV.Hidden }, []int{16}},
		{"swav.hidden=[]", func(e *Experiment) any { return e.SwAV.Hidden }, []int{}},
		{"augment.std=0.2,0.3,0.4", func(e *Experiment) any { return e.Augment.Std }, [3]float64{0.2, 0.3, 0.4}},
		{"schedule.milestones=[1ep, 2ep]", func(e *Experiment) any { return e.Schedule.Milestones }, []Duration{{1, Epochs}, {2, Epochs}}},
		{"crops.0.size=96", func(e *Experiment) any { return e.Crops[0].Size }, 96},
		{"crops=[{count = 1, size = 32, scale = [0.2, 1.0]}]", func(e *Experiment) any { return e.Crops },
			[]Crop{{1, 32, [2]float64{0.2, 1}, defaultRatio}}},
		{"optim.rules.0.lr_mult=0.5", func(e *Experiment) any { return *e.Optim.Rules[0].LRMult }, 0.5},
		{"augment.jitter.p=0", func(e *Experiment) any { return e.Augment.Jitter.P }, 0.0},
		{"name=other", func(e *Experiment) any { return e.Run.Dir }, "runs/other"},
	} {
		e, err := load(t, text, c.set)
		require.NoError(t, err, c.set)
		assert.Equal(t, c.want, c.got(e), c.set)
	}
	e, err := load(t, text, "run.seed=1", "run.seed=2")
	require.NoError(t, err)
	assert.Equal(t, uint64(2), e.Run.Seed, "the last one wins")
}

func TestSetErrors(t *testing.T) {
	for set, wants := range map[string][]string{
		"optim.batch":                      {"must have the form table.key=value"},
		"=3":                               {"must have the form"},
		"optim.bacth=3":                    {"--set optim.bacth=3: unknown key; nearest: optim.batch"},
		"optim.batch.x=3":                  {"unknown key"},
		"optim=3":                          {"is a table", "optim.batch, optim.base_lr"},
		"optim.batch=many":                 {"wanted is a whole number"},
		"optim.batch=1.5":                  {"wanted is a whole number"},
		"optim.base_lr=fast":               {"wanted is a number"},
		"data.labels=yes":                  {"wanted is true or false"},
		"train.duration=5":                 {"it has no unit", "wanted is a duration"},
		"swav.hidden=[a]":                  {"wanted is a list, each a whole number"},
		"augment.std=1,2":                  {"has 2 values", "a list of 3, each a number"},
		"crops.0.size=3":                   {`index "0": crops has no entries yet: write the whole list, crops=[{count = 2, size = 224, scale = [0.14, 1.0]}]`},
		"optim.rules.lr_mult=3":            {"optim.rules=[{match = '.*', lr_mult = 1.0}]"},
		"optim.batch=":                     {"the value is empty", "wanted is a whole number"},
		"optim.batch=99999999999999999999": {"out of range", "wanted is a whole number"},
		"optim.batch=1e3":                  {"wanted is a whole number"},
		"optim.lr=3":                       {"unknown key; here that is optim.base_lr"},
		"batch_size=3":                     {"here that is optim.batch"},
		"data.source=\xff":                 {"is no UTF-8 text"},
		"data.sourc=https://user:SECRET@host/?sig=SECRET": {"--set data.sourc=https://host/: unknown key; nearest: data.source"},
		"crops.x.size=3":          {`index "x"`},
		"crops=[{sizes = 3}]":     {`unknown key "sizes"`},
		"crops=3":                 {"a list of tables"},
		"optim.batch=3\nw = 4":    {"more than one line"},
		"base=x.toml":             {"belongs to the file"},
		"version=2":               {"belongs to the file"},
		"run.seed=-1":             {"wanted is a whole number"},
		"optim.grad_accumulate=2": {"in fine-tuning that is train.accumulate"},
	} {
		_, err := load(t, "version = 1", set)
		for _, want := range wants {
			assert.ErrorContains(t, err, want, set)
		}
	}
	const crops = "version = 1\n[[crops]]\n[[crops]]\n"
	for set, want := range map[string]string{
		"crops.size=64":          "write crops.0.size=64",
		"crops.5.size=64":        `index "5": the entries of crops are numbered, 0 to 1: write crops.0.size=64`,
		"crops.scale=[0.2, 1.0]": "write crops.0.scale=[0.2, 1.0]",
		"crops.0.sizes=3":        "nearest: crops.size",
		"crops.-1.size=3":        "write crops.0.size=3",
	} {
		_, err := load(t, crops, set)
		assert.ErrorContains(t, err, want, set)
	}
	_, err := load(t, "version = 1", "a=1", "b=2")
	assert.ErrorContains(t, err, "--set a=1")
	assert.ErrorContains(t, err, "--set b=2", "all wrong overrides are reported")
}

func TestKeys(t *testing.T) {
	keys := Keys()
	for _, want := range []string{"version", "run.log_every", "data.subset.fraction", "crops.scale", "augment.jitter.hue", "optim.rules.match", "knn.k"} {
		assert.Contains(t, keys, want)
	}
	assert.NotContains(t, keys, "run")
	assert.Equal(t, "version", keys[0])
	sorted := slices.Clone(keys)
	slices.Sort(sorted)
	assert.Equal(t, len(keys), len(slices.Compact(sorted)), "no key twice")
}

func FuzzSet(f *testing.F) {
	for _, seed := range []string{"optim.batch=3", "crops=[{}]", "swav.hidden=1,2", "crops.0=3", "run.dir='", "a.b.c=", "schedule.milestones=[\"1ep\"]"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, set string) {
		e := Default()
		e.Crops = []Crop{{}}
		if e.setOne(set) == nil {
			if _, err := e.Text(); err != nil {
				t.Fatal(err)
			}
		}
	})
}
