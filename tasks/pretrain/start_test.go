// SPDX-License-Identifier: MIT

package pretrain

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/config"
	"seer/runfolder"
	"seer/tasks/launch"
)

// tree is everything below a folder: names, kinds, permission bits, contents, targets of links.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		require.NoError(t, err)
		info, err := d.Info()
		require.NoError(t, err)
		content := ""
		switch {
		case d.Type()&fs.ModeSymlink != 0:
			content, err = os.Readlink(path)
		case d.Type().IsRegular():
			var data []byte
			data, err = os.ReadFile(path)
			content = string(data)
		}
		require.NoError(t, err)
		all[strings.TrimPrefix(path, dir)] = info.Mode().String() + " " + content
		return nil
	}))
	return all
}

// refusals are changes that a run cannot be continued with, or begun.
var refusals = map[string]struct {
	sets []string
	want string
}{
	"another depth":        {[]string{"model.depth=6"}, "in the model"},
	"another width":        {[]string{"model.w0=24"}, "in the model"},
	"other prototypes":     {[]string{"swav.prototypes=5"}, "prototypes.weight"},
	"no queue":             {[]string{"swav.queue_length=0"}, "queue"},
	"a crop without area":  {[]string{"crops=[{count=2, size=32, scale=[0.5, 0.2]}]"}, "scale"},
	"a batch of nothing":   {[]string{"optim.batch=0"}, "optim.batch"},
	"a source that is not": {[]string{"data.source=/nowhere/at/all"}, "/nowhere/at/all"},
	"an unknown device":    {[]string{"run.device=tpu"}, "run.device"},
	"a rule for nothing":   {[]string{`optim.rules=[{match="nothing", lr_mult=2.0}]`}, "optim.rules"},
	"a subset of nothing":  {[]string{"data.subset.first=1000000"}, "data.subset"},
	"an end in the past":   {[]string{"schedule.warmup=100it"}, "schedule.warmup"},
}

func TestRefusedRestartChangesNothing(t *testing.T) {
	images := drawnImages(t)
	file, run := smallRun(t, images, 1, 6)
	_, err := pretrain(t.Context(), t, file)
	require.NoError(t, err)
	// What a start clears and cuts once it takes effect is there too.
	require.NoError(t, os.Mkdir(filepath.Join(run, runfolder.CheckpointsDir, "step-000000009.tmp"), 0o755))
	appendTo(t, filepath.Join(run, runfolder.MetricsLog), `{"step":5`)
	require.NoError(t, os.Remove(filepath.Join(run, "lock")))
	before := tree(t, run)
	for name, tt := range refusals {
		t.Run(name, func(t *testing.T) {
			e, err := config.Load(file, append([]string{"train.duration=8it"}, tt.sets...))
			require.NoError(t, err)
			require.ErrorContains(t, Run(t.Context(), e, launch.StartOptions{Out: io.Discard}), tt.want)
			assert.Equal(t, before, tree(t, run))
		})
	}
}

// Also the folders on the way to the run folder are those of before.
func TestRefusedFirstStartLeavesNothing(t *testing.T) {
	images := drawnImages(t)
	fresh := []string{"a crop without area", "a batch of nothing", "a source that is not", "an unknown device", "a rule for nothing", "a subset of nothing"}
	for _, refresh := range []string{"0it", "1ep"} {
		for _, name := range fresh {
			t.Run(name+" "+refresh, func(t *testing.T) {
				dir := t.TempDir()
				file, _ := smallRun(t, images, 1, 6)
				sets := append([]string{"run.channels_last=auto", "data.refresh=" + refresh, "run.dir=" + filepath.Join(dir, "a", "b")}, refusals[name].sets...)
				e, err := config.Load(file, sets)
				require.NoError(t, err)
				require.ErrorContains(t, Run(t.Context(), e, launch.StartOptions{Out: io.Discard}), refusals[name].want)
				assert.Len(t, tree(t, dir), 1, "only the folder itself")
			})
		}
	}
}

func appendTo(t *testing.T, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = f.WriteString(text)
	require.NoError(t, err)
	require.NoError(t, f.Close())
}

// spoilAll damages every checkpoint of a run.
func spoilAll(t *testing.T, run string, spoil func(checkpoint string) error) (checkpoints []string) {
	t.Helper()
	checkpoints, err := filepath.Glob(filepath.Join(run, runfolder.CheckpointsDir, "step-*"))
	require.NoError(t, err)
	require.NotEmpty(t, checkpoints)
	for _, c := range checkpoints {
		require.NoError(t, spoil(c))
	}
	return checkpoints
}

func TestRunWhoseCheckpointsAreAllDamagedDoesNotBeginAnew(t *testing.T) {
	images := drawnImages(t)
	for name, spoil := range map[string]func(checkpoint string) error{
		"cut weights":   func(c string) error { return os.Truncate(filepath.Join(c, runfolder.ModelFile), 100) },
		"cut manifest":  func(c string) error { return os.Truncate(filepath.Join(c, runfolder.ManifestFile), 20) },
		"no manifest":   func(c string) error { return os.Remove(filepath.Join(c, runfolder.ManifestFile)) },
		"garbage state": func(c string) error { return os.WriteFile(filepath.Join(c, runfolder.StateFile), []byte("{"), 0o644) },
		"empty folder":  func(c string) error { return errorsOf(os.RemoveAll(c), os.Mkdir(c, 0o755)) },
		"no optimizer":  func(c string) error { return os.Remove(filepath.Join(c, runfolder.OptimizerFile)) },
		"manifest of one": func(c string) error {
			return os.WriteFile(filepath.Join(c, runfolder.ManifestFile), []byte("{}"), 0o644)
		},
	} {
		t.Run(name, func(t *testing.T) {
			file, run := smallRun(t, images, 1, 6)
			_, err := pretrain(t.Context(), t, file)
			require.NoError(t, err)
			checkpoints := spoilAll(t, run, spoil)
			before := tree(t, run)
			e, err := config.Load(file, []string{"train.duration=8it"})
			require.NoError(t, err)
			err = Run(t.Context(), e, launch.StartOptions{Out: io.Discard})
			var unusable *runfolder.UnusableError
			require.ErrorAs(t, err, &unusable)
			for _, c := range checkpoints {
				assert.ErrorContains(t, err, c)
			}
			assert.ErrorContains(t, err, "run.dir")
			assert.Equal(t, before, tree(t, run))
		})
	}
}

func errorsOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// An older checkpoint that is good continues the run; the damaged one is kept under another name.
func TestRunContinuesBehindADamagedCheckpoint(t *testing.T) {
	file, run := smallRun(t, drawnImages(t), 1, 6)
	_, err := pretrain(t.Context(), t, file)
	require.NoError(t, err)
	want := digest(t, run)
	newest := filepath.Join(run, runfolder.CheckpointsDir, runfolder.StepName(6))
	require.NoError(t, os.Truncate(filepath.Join(newest, runfolder.ModelFile), 100))
	out, err := pretrain(t.Context(), t, file)
	require.NoError(t, err)
	assert.Contains(t, out, "Continuing at step 4")
	assert.Contains(t, out, newest+" is set aside as step-000000006.damaged")
	assert.DirExists(t, newest+".damaged")
	assert.Equal(t, want, digest(t, run))
	assert.Equal(t, []int64{1, 2, 3, 4, 5, 6}, metricSteps(t, run))
}

// A checkpoint knows the experiment that made it; the run's copy is not needed to continue, nor to say what has changed.
func TestCheckpointHasItsExperiment(t *testing.T) {
	file, run := smallRun(t, drawnImages(t), 1, 6)
	_, err := pretrain(t.Context(), t, file)
	require.NoError(t, err)
	c, err := runfolder.Newest(run, nil)
	require.NoError(t, err)
	assert.Contains(t, c.Files, runfolder.ConfigFile)
	of, err := config.Load(filepath.Join(c.Dir, runfolder.ConfigFile), nil)
	require.NoError(t, err)
	require.NoError(t, os.Remove(filepath.Join(run, runfolder.ConfigFile)))
	e, err := config.Load(file, []string{"optim.momentum=0.5", "train.duration=7it"})
	require.NoError(t, err)
	assert.Equal(t, []string{"optim.momentum: 0.9, now 0.5", "train.duration: 6it, now 7it"}, config.Changes(of, e))
	var out strings.Builder
	require.NoError(t, Run(t.Context(), e, launch.StartOptions{Out: &out}))
	assert.Contains(t, out.String(), "another optim.momentum: 0.9, now 0.5")
	assert.FileExists(t, filepath.Join(run, runfolder.ConfigFile))
}
