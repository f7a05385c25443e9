// SPDX-License-Identifier: MIT

package eval_test

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/checkpoint/names"
	"seer/config"
	"seer/data/datatest"
	"seer/eval"
	"seer/eval/evaltest"
	"seer/runfolder"
	"seer/tasks/launch"
	"seer/tasks/pretrain"
	"seer/torch"
)

// pretrained is a short run of an architecture of its own with a normalisation of its own.
func pretrained(t *testing.T) (run string) {
	t.Helper()
	images := t.TempDir()
	for i := range 4 {
		datatest.Write(t, filepath.Join(images, fmt.Sprintf("%d.jpg", i)), datatest.JPEG(40, 40, uint64(i)))
	}
	e := evaltest.Experiment()
	e.Name, e.Run.Dir = "ways", filepath.Join(t.TempDir(), "run")
	e.Run.Threads, e.Run.ChannelsLast = 1, "on"
	e.Data.Source, e.Data.Workers = images, 1
	e.Crops = []config.Crop{{Count: 2, Size: 32, Scale: [2]float64{0.3, 1}, Ratio: [2]float64{0.75, 1.3333}}}
	e.SwAV.Hidden, e.SwAV.Out, e.SwAV.Prototypes = []int{8}, 8, 4
	e.Optim.Batch = 4
	e.SwAV.FreezePrototypes = config.Duration{Value: 0, Unit: config.Steps}
	e.Train.Duration = config.Duration{Value: 2, Unit: config.Steps}
	require.NoError(t, pretrain.Run(t.Context(), e, launch.StartOptions{Out: io.Discard}))
	return e.Run.Dir
}

// features are those of noise, by a command that knows nothing of the run.
func featuresOf(t *testing.T, weights string) []float32 {
	t.Helper()
	bare := config.Default()
	bare.Run.Device, bare.Run.Threads = "cpu", 1
	b, err := eval.OpenBackbone(eval.TrunkSource{Weights: weights, Experiment: bare})
	require.NoError(t, err, weights)
	defer b.Close()
	scope := torch.NewScope()
	defer scope.Close()
	pixels := make([]byte, 2*32*32*3)
	for i := range pixels {
		pixels[i] = byte(i * 7)
	}
	f, err := b.Features(t.Context(), torch.FromBytes(pixels, torch.UInt8, 2, 32, 32, 3))
	require.NoError(t, err)
	return f.Float32s()
}

// However weights are named, and wherever they were copied, they bring their architecture, mean and std along.
func TestFeaturesDoNotDependOnHowTheWeightsAreNamed(t *testing.T) {
	runtime.LockOSThread() // libtorch counts its threads for each thread of ours, and rounds by their number
	defer runtime.UnlockOSThread()
	run := pretrained(t)
	step := filepath.Join(run, runfolder.CheckpointsDir, runfolder.StepName(2))
	want := featuresOf(t, run)

	away := t.TempDir()
	folder, file, exported := filepath.Join(away, "folder"), filepath.Join(away, "weights.safetensors"), filepath.Join(away, "exported.safetensors")
	require.NoError(t, os.CopyFS(folder, os.DirFS(step)))
	data, err := os.ReadFile(filepath.Join(step, runfolder.ModelFile))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, data, 0o644))
	for _, style := range names.Styles() {
		b := openBackbone(t, eval.TrunkSource{Weights: file, Experiment: config.Default()})
		require.NoError(t, b.Export(exported+string(style), style, "test", nil))
		assert.Equal(t, want, featuresOf(t, exported+string(style)), style)
	}
	for _, path := range []string{
		filepath.Join(run, "latest"), filepath.Join(run, "latest", runfolder.ModelFile), step, filepath.Join(step, runfolder.ModelFile),
		folder, filepath.Join(folder, runfolder.ModelFile), file,
	} {
		assert.Equal(t, want, featuresOf(t, path), path)
	}
	t.Chdir(step)
	for _, path := range []string{".", runfolder.ModelFile, "..", "../.."} {
		assert.Equal(t, want, featuresOf(t, path), path)
	}
}
