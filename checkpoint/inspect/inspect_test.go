// SPDX-License-Identifier: MIT

package inspect_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/checkpoint"
	"seer/checkpoint/inspect"
	"seer/checkpoint/names"
	table "seer/models/arch"
	"seer/models/regnet/arch"
	"seer/models/sketch"
	"seer/runfolder"
)

// trunk is a small RegNetY of zeros.
func trunk(t *testing.T, p arch.Params) []checkpoint.Tensor {
	t.Helper()
	var tensors []checkpoint.Tensor
	for _, e := range append(p.Manifest(), p.Classifier(10)...) {
		x := checkpoint.Tensor{Name: e.Name, DType: checkpoint.F32, Shape: e.Shape}
		if e.Integer {
			x.DType = checkpoint.I64
		}
		x.Data = make([]byte, x.Info().Bytes())
		tensors = append(tensors, x)
	}
	return tensors
}

var small = arch.Params{Depth: 6, W0: 16, WA: 16, WM: 2.2, GroupWidth: 8}

func TestInspectFile(t *testing.T) {
	p, err := arch.Lookup("regnet_y_200mf")
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "w.safetensors")
	require.NoError(t, checkpoint.WriteSafetensors(path, trunk(t, p), map[string]string{"epoch": "3"}))

	r, err := inspect.Inspect(path)
	require.NoError(t, err)
	require.Len(t, r.Files, 1)
	f := r.Files[0]
	assert.Equal(t, names.Torchvision, f.Style)
	assert.Equal(t, []string{"regnet_y_200mf"}, f.Architectures)
	assert.Equal(t, sketch.Parameters(append(p.Manifest(), p.Classifier(10)...)), f.Parameters)
	assert.Less(t, f.TensorBytes, f.Bytes)

	text := r.String()
	assert.Contains(t, text, path+": safetensors, 11.")
	assert.Contains(t, text, "architecture: regnet_y_200mf (depths 1,1,4,7, widths 24,56,152,368, group width 8)")
	assert.Contains(t, text, "metadata: epoch = 3")
	assert.Regexp(t, `(?m)^stem\.0\.weight +F32 +\[32 3 3 3\] +3456$`, text)
	assert.Contains(t, text, "of them "+inspect.Thousands(f.Parameters)+" parameters")
}

func TestInspectWarnsOfValuesThatAreNotFinite(t *testing.T) {
	bad, err := checkpoint.FromFloat32("w", []float32{1, float32(math.NaN()), float32(math.Inf(1))}, 3)
	require.NoError(t, err)
	good, err := checkpoint.FromFloat32("v", []float32{1}, 1)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "w.safetensors")
	require.NoError(t, checkpoint.WriteSafetensors(path, []checkpoint.Tensor{bad, good}, nil))
	r, err := inspect.Inspect(path)
	require.NoError(t, err)
	assert.Equal(t, map[string]int64{"w": 2}, r.Files[0].NotFinite)
	var summary strings.Builder
	require.NoError(t, r.Write(&summary, inspect.TableOptions{Summary: true}))
	assert.Contains(t, summary.String(), "warning: w holds 2 values that are not finite\n")
}

func TestInspectPickle(t *testing.T) {
	r, err := inspect.Inspect("../testdata/vissl.pth")
	require.NoError(t, err)
	text := r.String()
	assert.Contains(t, text, "PyTorch zip archive")
	assert.Contains(t, text, `keys: vissl keys of a RegNet below "classy_state_dict.base_model.model.trunk.": 2 of the trunk, 0 of a classifier, 2 of a SwAV head, 2 others`)
	assert.Contains(t, text, "note: left out meter: object of class __main__.Meter")
	assert.NotContains(t, text, "architecture:", "two tensors are no trunk")
}

// run makes a run folder with two checkpoints.
func run(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "run")
	f, err := runfolder.Open(dir, runfolder.KeepOptions{})
	require.NoError(t, err)
	require.NoError(t, f.Begin(runfolder.Start{}))
	defer f.Close()
	for step := int64(1); step <= 2; step++ {
		require.NoError(t, f.Save(step, func(w *runfolder.Writer) error {
			return errors.Join(
				w.Safetensors(runfolder.ModelFile, trunk(t, small), nil),
				w.Safetensors(runfolder.OptimizerFile, nil, nil),
				w.JSON(runfolder.StateFile, step))
		}))
	}
	return dir
}

func TestInspectRunFolder(t *testing.T) {
	dir := run(t)
	r, err := inspect.Inspect(dir)
	require.NoError(t, err)
	assert.Equal(t, int64(2), r.Step)
	assert.Len(t, r.Checkpoints, 2)
	assert.Len(t, r.Files, 2)
	text := r.String()
	assert.Contains(t, text, dir+": run folder\n  step 1: ")
	assert.Contains(t, text, "architecture: no known name (depths ")

	newest := filepath.Join(dir, runfolder.CheckpointsDir, runfolder.StepName(2))
	require.NoError(t, os.Truncate(filepath.Join(newest, runfolder.ModelFile), 9))
	r, err = inspect.Inspect(dir)
	require.NoError(t, err)
	assert.Equal(t, int64(1), r.Step)
	assert.Contains(t, r.String(), "not complete: ")
	assert.Contains(t, r.String(), "warning: passed over a checkpoint")
	_, err = inspect.Inspect(newest)
	require.ErrorContains(t, err, "has 9 bytes")
}

// A teacher and a student: both are listed, and which is taken.
func TestInspectListsTrunks(t *testing.T) {
	p, err := arch.Lookup("regnet_y_200mf")
	require.NoError(t, err)
	var tensors []checkpoint.Tensor
	for _, prefix := range []string{"student.module.backbone.", "teacher.backbone."} {
		for _, x := range trunk(t, p) {
			x.Name = prefix + x.Name
			tensors = append(tensors, x)
		}
	}
	path := filepath.Join(t.TempDir(), "dino.safetensors")
	require.NoError(t, checkpoint.WriteSafetensors(path, tensors, nil))
	r, err := inspect.Inspect(path)
	require.NoError(t, err)
	text := r.String()
	assert.Contains(t, text, `torchvision keys of a RegNetY below "teacher.backbone."`)
	assert.Contains(t, text, "trunk: \"teacher.backbone.\", torchvision, regnet_y_200mf\n"+
		"trunk: \"student.module.backbone.\", torchvision, regnet_y_200mf; --prefix takes it\n")
	_, err = json.Marshal(r)
	require.NoError(t, err)
}

// A RegNetX has the same names but for squeeze-and-excitation.
func TestInspectWarnsOfARegNetX(t *testing.T) {
	var tensors []checkpoint.Tensor
	for _, x := range trunk(t, small) {
		if !strings.Contains(x.Name, ".se.") {
			tensors = append(tensors, x)
		}
	}
	path := filepath.Join(t.TempDir(), "x.safetensors")
	require.NoError(t, checkpoint.WriteSafetensors(path, tensors, nil))
	r, err := inspect.Inspect(path)
	require.NoError(t, err)
	assert.Contains(t, r.String(), "warning: no squeeze-and-excitation: this is a RegNetX")
}

// Trunks that are no RegNet are named too, by the names and shapes of all their tensors.
func TestInspectNamesOtherFamilies(t *testing.T) {
	network, err := table.Lookup("vit_s_16")
	require.NoError(t, err)
	var tensors []checkpoint.Tensor
	for _, e := range sketch.Manifest(network) {
		tensors = append(tensors, checkpoint.Tensor{Name: "backbone." + e.Name, DType: checkpoint.F32, Shape: e.Shape, Data: make([]byte, 4*e.Numel())})
	}
	path := filepath.Join(t.TempDir(), "vit.safetensors")
	require.NoError(t, checkpoint.WriteSafetensors(path, tensors, nil))
	r, err := inspect.Inspect(path)
	require.NoError(t, err)
	assert.Contains(t, r.String(), "\narchitecture: vit_s_16\n")
	assert.Equal(t, sketch.Parameters(sketch.Manifest(network)), r.Files[0].Parameters)
}

func TestInspectCheckpointFolder(t *testing.T) {
	newest := filepath.Join(run(t), runfolder.LatestName)
	r, err := inspect.Inspect(newest)
	require.NoError(t, err)
	assert.Equal(t, "checkpoint", r.Kind)
	var b strings.Builder
	require.NoError(t, r.Write(&b, inspect.TableOptions{Summary: true}))
	assert.NotContains(t, b.String(), "NAME")

	data, err := json.Marshal(r)
	require.NoError(t, err)
	assert.Contains(t, string(data), `"kind":"checkpoint"`)
}

func TestInspectNothing(t *testing.T) {
	_, err := inspect.Inspect(filepath.Join(t.TempDir(), "absent"))
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = inspect.Inspect(t.TempDir())
	require.ErrorContains(t, err, "holds no weights: name a run folder")

	empty := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(empty, runfolder.CheckpointsDir), 0o755))
	r, err := inspect.Inspect(empty)
	require.NoError(t, err)
	assert.Contains(t, r.String(), "warning: ")
	assert.Contains(t, r.String(), "no complete checkpoint")
}

// full is a pipe whose reader has gone.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

func TestWritePassesErrors(t *testing.T) {
	r, err := inspect.Inspect("../testdata/state.pth")
	require.NoError(t, err)
	require.ErrorContains(t, r.Write(full{}, inspect.TableOptions{}), "broken pipe")
}

func TestUnits(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 bytes", 999: "999 bytes", 1000: "1.0 kB", 17600: "17.6 kB", 999_960: "1.0 MB", 37_000_000_000: "37.0 GB", math.MaxInt64: "9.2 EB",
	} {
		assert.Equal(t, want, inspect.Size(n))
	}
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 4344144: "4,344,144", -1234: "-1,234", -123: "-123"} {
		assert.Equal(t, want, inspect.Thousands(n))
	}
}

func ExampleInspect() {
	report, err := inspect.Inspect("../testdata/foreign.pth")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(report)
	// Output:
	// ../testdata/foreign.pth: PyTorch zip archive, 1.9 kB
	// keys: no key of a RegNet trunk: 0 of the trunk, 0 of a classifier, 0 of a SwAV head, 2 others
	// note: left out bad: object of class posix.system
	// NAME     DTYPE  SHAPE  BYTES
	// good     F32    [2]    8
	// complex  C64    [2]    16
	// total: 2 tensors, 4 elements, of them 0 parameters, 24 bytes
}
