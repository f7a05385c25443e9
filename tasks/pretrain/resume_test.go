// SPDX-License-Identifier: MIT

package pretrain

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/config"
	"seer/data/datatest"
	"seer/internal/testrand"
	"seer/runfolder"
	"seer/tasks/launch"
	"seer/torch/torchtest"
	"seer/train"
)

// childEnv makes the test binary run one experiment in place of the tests: a process that can be killed.
const childEnv = "SEER_TEST_PRETRAIN"

func TestMain(m *testing.M) {
	if file := os.Getenv(childEnv); file != "" {
		os.Exit(pretrainChild(file))
	}
	torchtest.Main(m)
}

func pretrainChild(file string) int {
	e, err := config.Load(file, nil)
	if err == nil {
		err = Run(context.Background(), e, launch.StartOptions{Out: io.Discard, Version: "test"})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// small is an experiment that uses everything a checkpoint has to hold: two resolutions, a queue that fills on the way,
// prototypes that are frozen at first, LARC, a batch-norm head, and bad images in the source.
const small = `version = 1
[run]
dir = %q
seed = 5
device = "cpu"
threads = 1
channels_last = "on"
log_every = "1it"
checkpoint_every = "2it"
[data]
source = %q
workers = %d
max_bad_fraction = 0.5
[[crops]]
count = 2
size = 32
scale = [0.3, 1.0]
[[crops]]
count = 2
size = 24
scale = [0.1, 0.3]
[model]
arch = "regnet_y"
depth = 4
w0 = 16
wa = 16.0
wm = 2.0
group_width = 8
[swav]
hidden = [16]
out = 8
batch_norm = true
prototypes = 6
queue_length = 12
queue_start = "4it"
freeze_prototypes = "3it"
[optim]
batch = 4
base_lr = 5.0
[schedule]
warmup = "5it"
[train]
duration = "%dit"
`

// smallRun writes the experiment and returns its file and run folder.
func smallRun(t *testing.T, images string, workers, steps int) (file, run string) {
	t.Helper()
	dir := t.TempDir()
	file, run = filepath.Join(dir, "small.toml"), filepath.Join(dir, "run")
	require.NoError(t, os.WriteFile(file, fmt.Appendf(nil, small, run, images, workers, steps), 0o644))
	return file, run
}

// drawnImages makes a folder of 20 images of which two are broken.
func drawnImages(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for i := range 20 {
		name := filepath.Join(dir, fmt.Sprintf("%02d.jpg", i))
		content := datatest.JPEG(40+i, 60-i, uint64(i))
		if i == 7 || i == 13 {
			content = content[:len(content)/3]
		}
		require.NoError(t, os.WriteFile(name, content, 0o644))
	}
	return dir
}

func pretrain(ctx context.Context, t *testing.T, file string) (string, error) {
	t.Helper()
	e, err := config.Load(file, nil)
	require.NoError(t, err)
	var out strings.Builder
	err = Run(ctx, e, launch.StartOptions{Out: &out, Version: "test"})
	return out.String(), err
}

// digest identifies the weights, the optimizer's state and the position of a finished run.
func digest(t *testing.T, run string) [3]string {
	t.Helper()
	c, err := runfolder.Newest(run, nil)
	require.NoError(t, err)
	var sums [3]string
	for i, name := range []string{runfolder.ModelFile, runfolder.OptimizerFile} {
		sums[i] = tensorSum(t, c, name)
	}
	var parts map[string]json.RawMessage
	require.NoError(t, c.ReadJSON(runfolder.StateFile, &parts))
	var clock train.Clock
	_, err = c.Document(train.ClockPart, &clock)
	require.NoError(t, err)
	require.NotEmpty(t, parts["random"])
	sums[2] = fmt.Sprintf("%d %d %s %x", clock.Step, clock.Position, parts["collapse"], sha256.Sum256(parts["random"]))
	return sums
}

// tensorSum is a checksum over names, shapes and bits of a file's tensors; its metadata may name the run folder.
func tensorSum(t *testing.T, c *runfolder.Checkpoint, name string) string {
	t.Helper()
	file, err := c.Open(name)
	require.NoError(t, err)
	defer file.Close()
	sum := sha256.New()
	for _, info := range file.Infos() {
		tensor, err := file.Read(info.Name)
		require.NoError(t, err)
		fmt.Fprintln(sum, info)
		sum.Write(tensor.Data)
	}
	return fmt.Sprintf("%x", sum.Sum(nil))
}

// A run that is killed at random instants, also while it writes checkpoints, ends with the same bits as one that is not.
func TestKilledRunsEndWithTheSameBits(t *testing.T) {
	images, steps := drawnImages(t), 20
	file, run := smallRun(t, images, 2, steps)
	_, err := pretrain(t.Context(), t, file)
	require.NoError(t, err)
	want := digest(t, run)

	random := testrand.New(t)
	killed := 0
	file2, run2 := smallRun(t, images, 1, steps)
	for attempt := 0; ; attempt++ {
		require.Less(t, attempt, 60, "the run makes no progress between kills")
		done, output := runAndKill(t, file2, run2, random)
		if done {
			break
		}
		killed++
		require.Empty(t, output, "a killed process has nothing to report")
	}
	t.Logf("killed %d times", killed)
	assert.Positive(t, killed)
	assert.Equal(t, want, digest(t, run2))
	assert.Equal(t, metricSteps(t, run), metricSteps(t, run2), "no step is logged twice, none is lost")
}

// runAndKill runs the experiment in a process of its own and kills it some milliseconds after its first sign of life in
// the run folder, so that each attempt reaches the interesting part.
func runAndKill(t *testing.T, file, run string, random *rand.Rand) (done bool, output string) {
	t.Helper()
	before := newestStep(run)
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), childEnv+"="+file)
	var stderr strings.Builder
	child.Stderr = &stderr
	require.NoError(t, child.Start())
	exited := make(chan error, 1)
	go func() { exited <- child.Wait() }()
	for newestStep(run) == before {
		select {
		case err := <-exited:
			require.NoError(t, err, stderr.String())
			return true, ""
		case <-time.After(time.Millisecond):
		}
	}
	select {
	case err := <-exited:
		require.NoError(t, err, stderr.String())
		return true, ""
	case <-time.After(time.Duration(random.IntN(60000)) * time.Microsecond):
	}
	// The run may have ended on its own in the same moment.
	if err := child.Process.Kill(); !errors.Is(err, os.ErrProcessDone) {
		require.NoError(t, err)
	}
	return <-exited == nil, stderr.String()
}

// newestStep looks at names only: the newest checkpoint folder, complete or not.
func newestStep(run string) string {
	names, _ := filepath.Glob(filepath.Join(run, runfolder.CheckpointsDir, "step-*"))
	if len(names) == 0 {
		return ""
	}
	return filepath.Base(names[len(names)-1])
}

func metricSteps(t *testing.T, run string) []int64 {
	t.Helper()
	lines, err := runfolder.ReadLog[train.Record](filepath.Join(run, "metrics.jsonl"))
	require.NoError(t, err)
	steps := make([]int64, len(lines))
	for i, l := range lines {
		steps[i] = l.Step
	}
	return steps
}

// The first signal saves and stops; the same command continues, and ends as if nothing had happened.
func TestInterruptSavesAndContinues(t *testing.T) {
	images, steps := drawnImages(t), 12
	file, run := smallRun(t, images, 2, steps)
	_, err := pretrain(t.Context(), t, file)
	require.NoError(t, err)

	file2, run2 := smallRun(t, images, 3, steps)
	stop := errors.New("a signal")
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() {
		for newestStep(run2) < runfolder.StepName(4) {
			time.Sleep(time.Millisecond)
		}
		cancel(stop)
	}()
	out, err := pretrain(ctx, t, file2)
	require.ErrorIs(t, err, stop)
	assert.Contains(t, out, "the same command continues from")
	out, err = pretrain(t.Context(), t, file2)
	require.NoError(t, err)
	assert.Contains(t, out, "Continuing at step")
	assert.Equal(t, digest(t, run), digest(t, run2))

	out, err = pretrain(t.Context(), t, file2)
	require.NoError(t, err)
	assert.Contains(t, out, "The run is complete: 12 of 12 steps")
}

func TestRunFolderHoldsWhatPeopleLookFor(t *testing.T) {
	file, run := smallRun(t, drawnImages(t), 1, 6)
	_, err := pretrain(t.Context(), t, file)
	require.NoError(t, err)
	resolved, err := config.Load(filepath.Join(run, runfolder.ConfigFile), nil)
	require.NoError(t, err, "the resolved experiment is one that can be run")
	assert.Equal(t, "regnet_y", resolved.Model.Arch)
	lines, err := runfolder.ReadLog[map[string]float64](filepath.Join(run, "metrics.jsonl"))
	require.NoError(t, err)
	require.Len(t, lines, 6)
	last := lines[5]
	assert.InDelta(t, 24, last["images"], 0)
	assert.InDelta(t, 24.0/20, last["epoch"], 1e-9)
	for _, positive := range []string{"gradient_norm", "embedding_std", "prototypes_used", "assignment_entropy", "bad_images"} {
		assert.Positive(t, last[positive], positive)
	}
	bad, err := os.ReadFile(filepath.Join(run, runfolder.BadImagesLog))
	require.NoError(t, err)
	assert.Contains(t, string(bad), ".jpg")
	assert.FileExists(t, filepath.Join(run, "versions.json"))
}

func TestChangedExperimentsAreToldOrRefused(t *testing.T) {
	images := drawnImages(t)
	require.NoError(t, os.WriteFile(filepath.Join(images, "notes.txt"), nil, 0o644))
	file, run := smallRun(t, images, 1, 6)
	_, err := pretrain(t.Context(), t, file)
	require.NoError(t, err)

	e, err := config.Load(file, []string{"optim.momentum=0.5", "train.duration=7it"})
	require.NoError(t, err)
	var out strings.Builder
	require.NoError(t, Run(t.Context(), e, launch.StartOptions{Out: &out}))
	assert.Contains(t, out.String(), "continuing a run with another optim.momentum: 0.9, now 0.5")
	assert.Contains(t, out.String(), "data.source: left out: 1 .txt (notes.txt)\n")

	e, err = config.Load(file, []string{"swav.prototypes=5", "train.duration=8it"})
	require.NoError(t, err)
	err = Run(t.Context(), e, launch.StartOptions{Out: io.Discard})
	require.ErrorContains(t, err, "prototypes.weight: F32 [6 8] in the file, F32 [5 8] in the model")
	assert.ErrorContains(t, err, "give a new experiment another run.dir")

	owner, err := runfolder.Open(run, runfolder.KeepOptions{})
	require.NoError(t, err)
	defer owner.Close()
	_, err = pretrain(t.Context(), t, file)
	assert.ErrorContains(t, err, run, "two processes do not write one run folder")
}

func TestNothingStartsWithABadConfiguration(t *testing.T) {
	file, run := smallRun(t, filepath.Join(t.TempDir(), "missing"), 1, 2)
	_, err := pretrain(t.Context(), t, file)
	require.ErrorContains(t, err, "missing")
	assert.NoDirExists(t, run)
}
