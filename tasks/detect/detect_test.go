// SPDX-License-Identifier: MIT

package detect_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/config"
	"seer/data/datatest"
	"seer/data/source"
	"seer/eval"
	"seer/eval/evaltest"
	"seer/runfolder"
	"seer/tasks/detect"
	"seer/tasks/launch"
	"seer/torch/torchtest"
	"seer/train"
)

func TestMain(m *testing.M) { torchtest.Main(m) }

// experiment trains a small detector on pictures of rectangles.
func experiment(t *testing.T, images, annotations string) *config.Experiment {
	t.Helper()
	e := evaltest.Experiment()
	e.Model = config.Model{Arch: "regnet_y", Depth: 6, W0: 8, WA: 12, WM: 2, GroupWidth: 8}
	e.Run.Dir, e.Run.Threads, e.Run.ChannelsLast = filepath.Join(t.TempDir(), "run"), 1, "off"
	e.Run.LogEvery, e.Run.CheckpointEvery = config.Duration{Value: 1, Unit: config.Steps}, config.Duration{Value: 4, Unit: config.Steps}
	e.Data.Source, e.Data.Workers = images, 2
	e.Optim.Batch, e.Optim.BaseLR, e.Optim.Scaling, e.Optim.Adaptation = 2, 0.01, "none", "none"
	e.Schedule.Kind = "constant"
	e.Train.Duration = config.Duration{Value: 8, Unit: config.Steps}
	d := &e.Detect
	d.Annotations, d.Val, d.ValAnnotations = annotations, images, annotations
	d.Width, d.BoxWidth, d.MaskConvs, d.Regions = 8, 16, 1, 16
	d.TrunkNorm, d.PyramidNorm, d.HeadNorm, d.PreciseImages = "trained", true, true, 4
	d.Sides, d.Longest, d.ValSide, d.ValLongest = []int{64, 72}, 128, 64, 128
	d.ValidateEvery = config.Duration{Value: 5, Unit: config.Steps}
	return e
}

var scratch = eval.TrunkSource{Random: true}

// goes runs an experiment and returns what it says.
func goes(t *testing.T, ctx context.Context, e *config.Experiment, weights eval.TrunkSource, o launch.StartOptions) (*detect.Scores, string, error) {
	t.Helper()
	var out strings.Builder
	o.Out, o.Version = &out, "test"
	s, err := detect.Run(ctx, e, weights, o)
	return s, out.String(), err
}

// copied is an experiment as a file would give it once more.
func copied(e *config.Experiment) *config.Experiment {
	again := *e
	return &again
}

// digest is a checksum of each file of tensors of a run's newest checkpoint.
func digest(t *testing.T, run string) map[string]string {
	t.Helper()
	c, err := runfolder.Newest(run, nil)
	require.NoError(t, err)
	sums := map[string]string{}
	for _, name := range c.Files {
		if filepath.Ext(name) != ".safetensors" {
			continue
		}
		file, err := c.Open(name)
		require.NoError(t, err)
		sum := sha256.New()
		for _, info := range file.Infos() {
			tensor, err := file.Read(info.Name)
			require.NoError(t, err)
			fmt.Fprintln(sum, info)
			sum.Write(tensor.Data)
		}
		sums[name] = fmt.Sprintf("%x", sum.Sum(nil))
		require.NoError(t, file.Close())
	}
	return sums
}

// stopAt interrupts a run behind a step.
func stopAt(step int64) (hook train.Hook, stop error) {
	stop = errors.New("stopped by a test")
	return train.Hook{Name: "stop", Every: 1, Run: func(_ context.Context, e train.Event) error {
		if e.Step == step {
			return stop
		}
		return nil
	}}, stop
}

// A run that is stopped and continued ends with the bits of one that was not, and needs its weights only once.
func TestDetectionResumesToTheBit(t *testing.T) {
	images, annotations := datatest.Objects(t, 6)
	for name, edit := range map[string]func(*config.Experiment){
		"trained norm": func(*config.Experiment) {},
		"frozen norm, detectron2's": func(e *config.Experiment) {
			d := &e.Detect
			d.TrunkNorm, d.PyramidNorm, d.HeadNorm, d.FreezeStages, d.Convention, d.ProposalConvs, d.BoxConvs, d.BoxLinears = "frozen", false, false, 2, "detectron2", 2, 1, 1
		},
		"large-scale jitter in bf16": func(e *config.Experiment) { e.Detect.Window, e.Run.Precision = 96, "bf16" },
	} {
		t.Run(name, func(t *testing.T) {
			torchtest.NoLeaks(t)
			whole := experiment(t, images, annotations)
			edit(whole)
			s, out, err := goes(t, t.Context(), copied(whole), scratch, launch.StartOptions{})
			require.NoError(t, err, out)
			require.NotNil(t, s.Masks)
			assert.Equal(t, 2, strings.Count(out, "validation box AP"), out)

			parts := experiment(t, images, annotations)
			edit(parts)
			hook, stop := stopAt(6)
			_, _, err = goes(t, t.Context(), copied(parts), scratch, launch.StartOptions{Hooks: []train.Hook{hook}})
			require.ErrorIs(t, err, stop)
			parts.Data.Workers = 1
			_, out, err = goes(t, t.Context(), parts, eval.TrunkSource{}, launch.StartOptions{})
			require.NoError(t, err)
			assert.Contains(t, out, "Continuing at step 6 of 8")
			assert.Equal(t, digest(t, whole.Run.Dir), digest(t, parts.Run.Dir))

			s, out, err = goes(t, t.Context(), copied(whole), eval.TrunkSource{}, launch.StartOptions{})
			require.NoError(t, err)
			assert.Nil(t, s)
			assert.Contains(t, out, "The run is complete: 8 of 8 steps")
		})
	}
}

// What is computed again in the backward pass changes nothing of a run in float32, where gradients come into every stage.
func TestDetectionHasTheSameBitsWhateverIsComputedAgain(t *testing.T) {
	torchtest.NoLeaks(t)
	images, annotations := datatest.Objects(t, 4)
	var want map[string]string
	for _, checkpoint := range []string{"none", "selective", "blocks", "stages"} {
		e := experiment(t, images, annotations)
		e.Memory.Checkpoint, e.Train.Duration.Value = checkpoint, 3
		_, out, err := goes(t, t.Context(), e, scratch, launch.StartOptions{})
		require.NoError(t, err, out)
		if want == nil {
			want = digest(t, e.Run.Dir)
		}
		assert.Equal(t, want, digest(t, e.Run.Dir), checkpoint)
	}
}

// Frozen stages and batch norm keep the bits that they began with; the rest moves.
func TestWhatIsFrozenStays(t *testing.T) {
	images, annotations := datatest.Objects(t, 4)
	tensors := func(steps float64) map[string][]byte {
		e := experiment(t, images, annotations)
		e.Detect.TrunkNorm, e.Detect.FreezeStages, e.Train.Duration.Value = "frozen", 2, steps
		_, out, err := goes(t, t.Context(), e, scratch, launch.StartOptions{})
		require.NoError(t, err, out)
		c, err := runfolder.Newest(e.Run.Dir, nil)
		require.NoError(t, err)
		file, err := c.Open(runfolder.ModelFile)
		require.NoError(t, err)
		defer file.Close()
		all := map[string][]byte{}
		for _, info := range file.Infos() {
			tensor, err := file.Read(info.Name)
			require.NoError(t, err)
			all[info.Name] = tensor.Data
		}
		return all
	}
	before, after := tensors(1), tensors(3)
	moved := func(name string) bool {
		require.Contains(t, before, name)
		return string(before[name]) != string(after[name])
	}
	for _, name := range []string{"backbone.body.stem.0.weight", "backbone.body.trunk_output.block1.block1-0.f.a.0.weight", "backbone.body.trunk_output.block3.block3-0.f.a.1.weight",
		"backbone.body.trunk_output.block3.block3-0.f.a.1.running_mean"} {
		assert.False(t, moved(name), name)
	}
	for _, name := range []string{"backbone.body.trunk_output.block2.block2-0.f.a.0.weight", "backbone.fpn.inner_blocks.0.0.weight", "backbone.fpn.inner_blocks.0.1.running_mean", "roi_heads.box_predictor.cls_score.weight"} {
		assert.True(t, moved(name), name)
	}
}

func TestDetectionLearnsRectangles(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	images, annotations := datatest.Objects(t, 8)
	e := experiment(t, images, annotations)
	e.Detect.Width, e.Detect.BoxWidth, e.Detect.Regions, e.Detect.HeadNorm = 16, 32, 32, false
	e.Optim.BaseLR, e.Schedule.Kind = 0.02, "cosine"
	e.Detect.PreciseImages = 8
	e.Detect.Sides = []int{64}
	e.Train.Duration.Value, e.Detect.ValidateEvery.Value = 120, 60
	s, out, err := goes(t, t.Context(), e, scratch, launch.StartOptions{})
	require.NoError(t, err, out)
	t.Log(out)
	assert.Greater(t, s.Boxes.AP50, 0.5, out)
	assert.Greater(t, s.Masks.AP50, 0.5, out)
	lines, err := runfolder.ReadLog[map[string]any](filepath.Join(e.Run.Dir, runfolder.MetricsLog))
	require.NoError(t, err)
	assert.Contains(t, lines[len(lines)-1], "val_mask_ap")

	m, err := detect.OpenModel(e.Run.Dir, evaltest.Experiment(), nil)
	require.NoError(t, err)
	defer m.Close()
	src, err := source.Open(source.Location{Path: images})
	require.NoError(t, err)
	defer src.Close()
	seen := 0
	require.NoError(t, m.Find(t.Context(), detect.Images{Source: src, Batch: 3}, func(index int64, w, h int, found []detect.Found) error {
		seen++
		assert.Equal(t, datatest.ObjectSizes[index%2], [2]int{w, h})
		for _, f := range found {
			assert.Contains(t, []string{"red", "blue"}, m.Classes[f.Class].Name)
			assert.LessOrEqual(t, f.Box[0]+f.Box[2], float64(w)+1e-3)
		}
		return nil
	}))
	assert.Equal(t, 8, seen)
}

// What cannot be trained on is refused before there is a run.
func TestDetectionRefuses(t *testing.T) {
	images, annotations := datatest.Objects(t, 4)
	write := func(text string) string {
		path := filepath.Join(t.TempDir(), "x.json")
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
		return path
	}
	text, err := os.ReadFile(annotations)
	require.NoError(t, err)
	far := write(strings.ReplaceAll(string(text), `"000.png"`, `"far.png"`))
	wide := write(strings.ReplaceAll(string(text), `"width":96`, `"width":97`))
	renamed := write(strings.ReplaceAll(string(text), `"red"`, `"pink"`))
	for want, c := range map[string]struct {
		edit    func(*config.Experiment)
		weights eval.TrunkSource
	}{
		"which trunk? Give --weights":     {nil, eval.TrunkSource{}},
		`the first is "far.png"`:          {func(e *config.Experiment) { e.Detect.Annotations = far }, scratch},
		`category 3 is "pink", and "red"`: {func(e *config.Experiment) { e.Detect.ValAnnotations = renamed }, scratch},
		"detect.val = ":                   {func(e *config.Experiment) { e.Detect.Val = "" }, scratch},
		"detect.annotations":              {func(e *config.Experiment) { e.Detect.Annotations = "nowhere.json" }, scratch},
		"detect.freeze_stages":            {func(e *config.Experiment) { e.Detect.FreezeStages = 1 }, scratch},
		"detect.sides.0":                  {func(e *config.Experiment) { e.Detect.Sides = []int{4000} }, scratch},
		"memory.checkpoint":               {func(e *config.Experiment) { e.Memory.Checkpoint, e.Memory.Budget = "auto", 1<<30 }, scratch},
		"the trunk has no four stages":    {func(e *config.Experiment) { e.Model = evaltest.Experiment().Model }, scratch},
		"images without objects": {func(e *config.Experiment) {
			e.Detect.Annotations = write(`{"images": [{"id": 1, "file_name": "000.png", "width": 96, "height": 64}], "categories": [], "annotations": []}`)
		}, scratch},
		"is 96 × 64 pixels, and its annotations are for 97 ": {func(e *config.Experiment) { e.Detect.Annotations = wide }, scratch},
	} {
		t.Run(want, func(t *testing.T) {
			torchtest.NoLeaks(t)
			e := experiment(t, images, annotations)
			if c.edit != nil {
				c.edit(e)
			}
			_, out, err := goes(t, t.Context(), e, c.weights, launch.StartOptions{})
			require.ErrorContains(t, err, want, out)
			if !strings.Contains(want, "97") { // which shows with the images
				assert.NoDirExists(t, e.Run.Dir)
			}
		})
	}
	_, err = detect.OpenModel(annotations, evaltest.Experiment(), nil)
	assert.ErrorIs(t, err, detect.ErrNoDetector)
}
