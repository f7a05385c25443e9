// SPDX-License-Identifier: MIT

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/data/datatest"
)

// invoke runs a command line in this process.
func invoke(t *testing.T, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	return invokeWith(t, context.Background(), args...)
}

func invokeWith(t *testing.T, ctx context.Context, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	var out, messages bytes.Buffer
	a := app()
	a.Writer, a.ErrWriter = &out, &messages
	err = a.RunContext(ctx, flagsFirst(a, append([]string{"seer"}, args...)))
	return out.String(), messages.String(), err
}

// mustInvoke is invoke for command lines that work.
func mustInvoke(t *testing.T, args ...string) (stdout string) {
	t.Helper()
	out, messages, err := invoke(t, args...)
	require.NoError(t, err, messages)
	return out
}

// coloured writes n small pictures in three folders, of one colour each.
func coloured(t *testing.T, n int) string {
	t.Helper()
	dir := t.TempDir()
	for i := range n {
		img := datatest.Draw(40, 36, uint64(i))
		for p := 0; p < len(img.Pix); p += 4 {
			for c := range 3 {
				img.Pix[p+c] /= 8
			}
			img.Pix[p+i%3] += 200
		}
		var b bytes.Buffer
		require.NoError(t, png.Encode(&b, img))
		datatest.Write(t, filepath.Join(dir, []string{"red", "green", "blue"}[i%3], fmt.Sprintf("%03d.png", i)), b.Bytes())
	}
	return dir
}

// experimentFile writes an experiment with a tiny trunk on a folder of pictures.
func experimentFile(t *testing.T, images string) (path, runDir string) {
	t.Helper()
	dir := t.TempDir()
	path, runDir = filepath.Join(dir, "tiny.toml"), filepath.Join(dir, "run")
	text := fmt.Sprintf(`version = 1
[run]
dir = %q
device = "cpu"
channels_last = "on"
[data]
source = %q
[[crops]]
count = 2
size = 32
scale = [0.5, 1.0]
[augment]
mean = [0.4, 0.5, 0.6]
std = [0.2, 0.25, 0.3]
[model]
arch = "regnet_y"
depth = 4
w0 = 8
wa = 8.0
wm = 2.0
group_width = 8
[swav]
hidden = [16]
out = 8
prototypes = 6
freeze_prototypes = "0it"
[optim]
batch = 8
base_lr = 0.1
[train]
duration = "3it"
[linear]
train = %q
val = %q
duration = "10ep"
batch = 8
base_lr = 0.8
schedule = "cosine"
weight_decay = 0.0
augment = false
resize = 32
crop = 32
[knn]
k = 5
resize = 32
crop = 32
[svm]
resize = 32
crop = 32
[finetune]
val = %q
resize = 32
crop = 32
`, runDir, images, images, images, images)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	return path, runDir
}

// pretrained is a finished run of three steps.
func pretrained(t *testing.T, images string) (experiment, runDir string) {
	t.Helper()
	experiment, runDir = experimentFile(t, images)
	mustInvoke(t, "pretrain", experiment)
	return experiment, runDir
}

func TestEveryCommandHasHelpWithExamples(t *testing.T) {
	for _, c := range commands() {
		if len(c.Subcommands) > 0 {
			for _, s := range c.Subcommands {
				assert.Contains(t, mustInvoke(t, c.Name, s.Name, "--help"), "seer "+c.Name+" "+s.Name)
				assert.Contains(t, s.Description, "Example", s.Name)
			}
			continue
		}
		assert.Contains(t, mustInvoke(t, c.Name, "--help"), "seer "+c.Name)
		assert.Contains(t, c.Description, "Example", c.Name)
	}
}

func TestCommandsStopWithinASecond(t *testing.T) {
	images := coloured(t, 200)
	experiment, _ := experimentFile(t, images)
	for _, args := range [][]string{
		{"knn", experiment, "--random-init"},
		{"linear-eval", experiment, "--random-init", "--set", "linear.duration=1000ep"},
		{"linear-eval", experiment, "--random-init", "--set", "linear.duration=1000ep", "--set", "linear.augment=true"},
		{"features", "--random-init", "--arch", "regnet_y_200mf", "--images", images, "--size", "64", "--out", filepath.Join(t.TempDir(), "x.npy")},
		{"bench", "loader", "--images", images, "--seconds", "60"},
	} {
		t.Run(strings.Join(args[:2], " "), func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(context.Background())
			var asked time.Time
			timer := time.AfterFunc(300*time.Millisecond, func() { asked = time.Now(); cancel(errInterrupted) })
			defer timer.Stop()
			_, _, err := invokeWith(t, ctx, args...)
			if asked.IsZero() {
				require.NoError(t, err, "it was done before the interrupt")
				return
			}
			assert.True(t, errors.Is(err, errInterrupted) || err == nil, "%v", err)
			assert.Less(t, time.Since(asked), 2*time.Second, "a busy machine gets twice the time")
		})
	}
}
