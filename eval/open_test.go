// SPDX-License-Identifier: MIT

package eval_test

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/checkpoint"
	"seer/checkpoint/names"
	"seer/checkpoint/weights"
	"seer/config"
	"seer/eval"
	"seer/eval/evaltest"
	"seer/models/regnet"
	"seer/nn"
	"seer/nn/statedict"
	"seer/runfolder"
	"seer/tasks/pretrain"
	"seer/torch"
	"seer/torch/torchtest"
	"seer/train"
)

// trunkTensors are the tensors of a tiny trunk, drawn from a seed.
func trunkTensors(t *testing.T, seed uint64) []checkpoint.Tensor {
	t.Helper()
	torch.ManualSeed(seed)
	trunk, err := regnet.New(evaltest.Tiny, torch.CPU, 0)
	require.NoError(t, err)
	defer nn.Close(trunk)
	tensors, err := statedict.Of(trunk)
	require.NoError(t, err)
	return tensors
}

func write(t *testing.T, tensors []checkpoint.Tensor, meta map[string]string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "trunk.safetensors")
	require.NoError(t, checkpoint.WriteSafetensors(path, tensors, meta))
	return path
}

// holds checks that the backbone's weights are the tensors.
func holds(t *testing.T, b *eval.Backbone, want []checkpoint.Tensor) {
	t.Helper()
	got, err := statedict.Of(b.Trunk)
	require.NoError(t, err)
	assert.Equal(t, want, got)
}

func openBackbone(t *testing.T, s eval.TrunkSource) *eval.Backbone {
	t.Helper()
	b, err := eval.OpenBackbone(s)
	require.NoError(t, err)
	t.Cleanup(b.Close)
	return b
}

func TestOpenFileOfEveryStyle(t *testing.T) {
	for _, style := range names.Styles() {
		t.Run(string(style), func(t *testing.T) {
			torchtest.NoLeaks(t)
			want := trunkTensors(t, 1)
			renamed, err := weights.Rename(want, style)
			require.NoError(t, err)
			b := openBackbone(t, eval.TrunkSource{Weights: write(t, renamed, nil), Experiment: evaltest.Experiment()})
			holds(t, b, want)
			assert.Equal(t, string(style), b.Origin.Style)
			assert.Equal(t, [3]float64{0.1, 0.2, 0.3}, b.Mean, "a file without metadata takes the experiment's")
			assert.EqualValues(t, -1, b.Origin.Step)
		})
	}
}

func TestOpenRandomIsThatOfPretraining(t *testing.T) {
	torchtest.NoLeaks(t)
	e := evaltest.Experiment()
	e.Run.Seed = 7
	b := openBackbone(t, eval.TrunkSource{Random: true, Experiment: e})
	system, err := pretrain.NewSystem(e, &config.Resolved{}, torch.CPU)
	require.NoError(t, err)
	defer nn.Close(system)
	start, err := statedict.Of(system.Trunk)
	require.NoError(t, err)
	holds(t, b, start)
	assert.Equal(t, eval.Origin{Weights: eval.RandomInit, Arch: "regnet_y", Step: -1}, b.Origin)
}

// runFolder writes a run with checkpoints of the given steps; each has the weights of the seed of its step.
func runFolder(t *testing.T, steps ...int64) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "run")
	f, err := runfolder.Open(dir, runfolder.KeepOptions{Keep: 10})
	require.NoError(t, err)
	text, err := evaltest.Experiment().Text()
	require.NoError(t, err)
	require.NoError(t, f.Begin(runfolder.Start{Files: []runfolder.File{{Name: runfolder.ConfigFile, Data: []byte(text)}}}))
	for _, step := range steps {
		tensors := trunkTensors(t, uint64(step))
		for i := range tensors {
			tensors[i].Name = "trunk." + tensors[i].Name
		}
		head, err := checkpoint.FromFloat32("prototypes.weight", []float32{1, 2}, 1, 2)
		require.NoError(t, err)
		meta := map[string]string{"arch": "regnet_y", "step": strconv.FormatInt(step, 10)}
		require.NoError(t, f.Save(step, func(w *runfolder.Writer) error {
			return w.Safetensors(runfolder.ModelFile, append(tensors, head), meta)
		}))
	}
	require.NoError(t, f.Close())
	return dir
}

func TestOpenRun(t *testing.T) {
	dir := runFolder(t, 10, 20)
	for path, step := range map[string]int64{
		dir:                          20,
		filepath.Join(dir, "latest"): 20,
		filepath.Join(dir, "checkpoints/step-000000010"):                   10,
		filepath.Join(dir, "checkpoints/step-000000010/model.safetensors"): 10,
	} {
		t.Run(path, func(t *testing.T) {
			torchtest.NoLeaks(t)
			other := config.Default() // as when probing with an experiment of its own: no model, ImageNet's normalisation
			other.Run.Device = "cpu"
			b := openBackbone(t, eval.TrunkSource{Weights: path, Experiment: other})
			holds(t, b, trunkTensors(t, uint64(step)))
			assert.Equal(t, evaltest.Experiment().Augment.Mean, b.Mean, "the run's")
			assert.Equal(t, step, b.Origin.Step)
			assert.Equal(t, dir, b.Origin.Run)
		})
	}
}

// What export writes, OpenBackbone reads without being told anything.
func TestExportIsEnoughByItself(t *testing.T) {
	dir := runFolder(t, 5)
	for _, style := range names.Styles() {
		t.Run(string(style), func(t *testing.T) {
			torchtest.NoLeaks(t)
			bare := config.Default()
			bare.Run.Device = "cpu"
			path := filepath.Join(t.TempDir(), "out.safetensors")
			require.NoError(t, openBackbone(t, eval.TrunkSource{Weights: dir, Experiment: bare}).Export(path, style, "test", nil))
			b := openBackbone(t, eval.TrunkSource{Weights: path, Experiment: bare})
			holds(t, b, trunkTensors(t, 5))
			e := evaltest.Experiment()
			assert.Equal(t, e.Augment.Mean, b.Mean)
			assert.Equal(t, e.Augment.Std, b.Std)
			assert.EqualValues(t, 5, b.Origin.Step)
		})
	}
}

// A teacher and a student in one file, as self-supervised programs write it; the choice is said.
func TestOpenChoosesATrunk(t *testing.T) {
	torchtest.NoLeaks(t)
	teacher, student := trunkTensors(t, 1), trunkTensors(t, 2)
	var both []checkpoint.Tensor
	for prefix, tensors := range map[string][]checkpoint.Tensor{"teacher.backbone.": teacher, "student.module.backbone.": student} {
		for _, x := range tensors {
			x.Name = prefix + x.Name
			both = append(both, x)
		}
	}
	path := write(t, both, nil)
	for prefix, want := range map[string][]checkpoint.Tensor{"": teacher, "student.": student} {
		var warnings []string
		warn := func(m string) { warnings = append(warnings, m) }
		holds(t, openBackbone(t, eval.TrunkSource{Weights: path, Prefix: prefix, Experiment: evaltest.Experiment(), Warn: warn}), want)
		require.Len(t, warnings, 1)
		assert.Contains(t, warnings[0], "--prefix chooses another")
	}
}

// A checkpoint in shards is named by its folder or its index, and one file by its folder.
func TestOpenShardsAndFolders(t *testing.T) {
	torchtest.NoLeaks(t)
	want := trunkTensors(t, 1)
	dir := t.TempDir()
	weightMap := map[string]string{}
	for i, part := range [][]checkpoint.Tensor{want[:10], want[10:]} {
		name := fmt.Sprintf("model-0000%d-of-00002.safetensors", i+1)
		require.NoError(t, checkpoint.WriteSafetensors(filepath.Join(dir, name), part, nil))
		for _, x := range part {
			weightMap[x.Name] = name
		}
	}
	text, err := json.Marshal(map[string]any{"weight_map": weightMap})
	require.NoError(t, err)
	list := filepath.Join(dir, "model.safetensors.index.json")
	require.NoError(t, os.WriteFile(list, text, 0o644))
	for _, path := range []string{dir, list, filepath.Dir(write(t, want, nil))} {
		b := openBackbone(t, eval.TrunkSource{Weights: path, Experiment: evaltest.Experiment()})
		holds(t, b, want)
		assert.NotEqual(t, dir, b.Origin.Weights, "what was taken of a folder")
	}
	_, err = eval.OpenBackbone(eval.TrunkSource{Weights: filepath.Join(dir, "model-00002-of-00002.safetensors"), Experiment: evaltest.Experiment()})
	require.ErrorContains(t, err, "the file is shard 2 of 2: name the folder that holds them all, or its index")
	require.NoError(t, os.Remove(filepath.Join(dir, "model-00001-of-00002.safetensors")))
	_, err = eval.OpenBackbone(eval.TrunkSource{Weights: dir, Experiment: evaltest.Experiment()})
	require.ErrorContains(t, err, "1 of 2 shards are missing")
}

func TestOpenRefuses(t *testing.T) {
	tensors := trunkTensors(t, 1)
	whole := write(t, tensors, nil)
	part := write(t, tensors[:len(tensors)-1], nil)
	bare, wrong := config.Default(), evaltest.Experiment()
	bare.Run.Device = "cpu"
	wrong.Model.Depth = 5
	device, precision := evaltest.Experiment(), evaltest.Experiment()
	device.Run.Device, precision.Run.Precision = "tpu", "int8"
	empty := filepath.Join(t.TempDir(), "run")
	require.NoError(t, os.MkdirAll(filepath.Join(empty, "checkpoints"), 0o755))
	last := tensors[len(tensors)-1].Name
	tests := map[string]struct {
		spec eval.TrunkSource
		want []string
	}{
		"nothing":      {eval.TrunkSource{Experiment: evaltest.Experiment()}, []string{"--weights", "--random-init"}},
		"both":         {eval.TrunkSource{Experiment: evaltest.Experiment(), Weights: whole, Random: true}, []string{"not both"}},
		"absent":       {eval.TrunkSource{Experiment: evaltest.Experiment(), Weights: whole + "x"}, []string{"--weights", "no such file"}},
		"empty run":    {eval.TrunkSource{Experiment: evaltest.Experiment(), Weights: empty}, []string{"no complete checkpoint"}},
		"no arch":      {eval.TrunkSource{Experiment: bare, Random: true}, []string{"which architecture", "regnet_y_200mf"}},
		"unknown arch": {eval.TrunkSource{Experiment: bare, Random: true, Arch: "regnet_y_17gf"}, []string{`"regnet_y_17gf"`, "regnet_y_16gf"}},
		"no name":      {eval.TrunkSource{Experiment: bare, Weights: whole}, []string{"no known architecture has its depths", "--arch"}},
		"missing":      {eval.TrunkSource{Experiment: evaltest.Experiment(), Weights: part}, []string{"1 missing from the file", last}},
		"other depth":  {eval.TrunkSource{Experiment: wrong, Weights: whole}, []string{"does not fit regnet_y", "missing from the file"}},
		"other arch":   {eval.TrunkSource{Experiment: bare, Weights: whole, Arch: "regnet_y_200mf"}, []string{"does not fit regnet_y_200mf", "what to do"}},
		"device":       {eval.TrunkSource{Experiment: device, Random: true}, []string{`"tpu"`, "use auto, cpu, cuda"}},
		"precision":    {eval.TrunkSource{Experiment: precision, Random: true}, []string{`"int8"`}},
		"bad metadata": {eval.TrunkSource{Experiment: evaltest.Experiment(), Weights: write(t, tensors, map[string]string{"mean": "[1, 2]"})}, []string{"mean", "three numbers"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			torchtest.NoLeaks(t)
			_, err := eval.OpenBackbone(tt.spec)
			for _, want := range tt.want {
				assert.ErrorContains(t, err, want)
			}
		})
	}
}

// One NaN in the weights makes every feature worthless, whatever the file's type.
func TestOpenRefusesWeightsThatAreNotFinite(t *testing.T) {
	torchtest.NoLeaks(t)
	for bits, want := range map[uint32]string{0x7fc00000: "stem.0.weight holds 1 value that is not finite", 0xff800000: "holds 1 value that is not finite"} {
		tensors := trunkTensors(t, 1)
		binary.LittleEndian.PutUint32(tensors[0].Data[8:], bits)
		_, err := eval.OpenBackbone(eval.TrunkSource{Experiment: evaltest.Experiment(), Weights: write(t, tensors, nil)})
		require.ErrorContains(t, err, want)
	}
}

func TestOpenRefusesMismatchAsItsOwnError(t *testing.T) {
	torchtest.NoLeaks(t)
	wrong := evaltest.Experiment()
	wrong.Model.W0 = 16
	_, err := eval.OpenBackbone(eval.TrunkSource{Experiment: wrong, Weights: write(t, trunkTensors(t, 1), nil)})
	var mismatch *weights.MismatchError
	require.True(t, errors.As(err, &mismatch), "%v", err)
	assert.NotEmpty(t, mismatch.Shapes)
}

// "auto" is the layout that a run has trained in, also of its exported weights; a layout that is asked for wins, and weights
// from elsewhere have none.
func TestAutomaticLayoutIsThatOfTheRun(t *testing.T) {
	torchtest.NoLeaks(t)
	tensors := trunkTensors(t, 8)
	for _, trained := range []bool{true, false} {
		path := write(t, tensors, map[string]string{train.LayoutKey: strconv.FormatBool(trained)})
		for asked, want := range map[string]bool{"auto": trained, "on": true, "off": false} {
			e := evaltest.Experiment()
			e.Run.ChannelsLast = asked
			b := openBackbone(t, eval.TrunkSource{Weights: path, Experiment: e})
			assert.Equal(t, want, b.ChannelsLast, "trained %v, asked for %s", trained, asked)
			exported := filepath.Join(t.TempDir(), "exported.safetensors")
			require.NoError(t, b.Export(exported, names.Torchvision, "test", nil))
			assert.Equal(t, want, openBackbone(t, eval.TrunkSource{Weights: exported, Experiment: e}).ChannelsLast, "exported")
		}
	}
	assert.True(t, openBackbone(t, eval.TrunkSource{Weights: write(t, tensors, nil), Experiment: evaltest.Experiment()}).ChannelsLast)
}
