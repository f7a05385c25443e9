// SPDX-License-Identifier: MIT

package main

import (
	"context"
	"encoding/json"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/data/datatest"
)

// An image is nearest to itself, its colour comes before others, and the search in the file of an earlier pass finds the same.
func TestSearchFindsImagesLikeAnImage(t *testing.T) {
	images := coloured(t, 12)
	dir := t.TempDir()
	array, sheet, query := filepath.Join(dir, "x.npy"), filepath.Join(dir, "near.png"), filepath.Join(images, "red", "003.png")
	common := []string{"features", "--random-init", "--arch", "regnet_y_200mf", "--size", "32", "--search", query, "--nearest", "4"}
	out := mustInvoke(t, append(common, "--images", images, "--out", array, "--sheet", sheet)...)
	assert.Contains(t, out, "features float32 [12, 368]")
	lines := strings.Split(strings.TrimSpace(out), "\n")
	require.Len(t, lines, 6, out)
	assert.Contains(t, lines[2], "1   1.0000  red/003.png")
	for _, line := range lines[2:] {
		assert.Contains(t, line, "red/")
	}
	f, err := os.Open(sheet)
	require.NoError(t, err)
	defer f.Close()
	picture, err := png.Decode(f)
	require.NoError(t, err)
	assert.Equal(t, 8+5*168, picture.Bounds().Dx(), "the searched image and what was found")

	again := mustInvoke(t, append(common, "--features", array)...)
	assert.Equal(t, strings.Join(lines[1:], "\n")+"\n", again)
	redrawn := filepath.Join(dir, "again.png")
	mustInvoke(t, append(common, "--features", array, "--images", images, "--sheet", redrawn)...)
	first, err := os.ReadFile(sheet)
	require.NoError(t, err)
	second, err := os.ReadFile(redrawn)
	require.NoError(t, err)
	assert.Equal(t, first, second)

	var found struct {
		Query   string
		Nearest []match
	}
	require.NoError(t, json.Unmarshal([]byte(mustInvoke(t, append(common, "--images", images, "--json")...)), &found))
	assert.Equal(t, query, found.Query)
	require.Len(t, found.Nearest, 4)
	assert.InDelta(t, 1, found.Nearest[0].Similarity, 1e-6)
}

func TestSearchRefuses(t *testing.T) {
	images := coloured(t, 3)
	dir := t.TempDir()
	query, broken := filepath.Join(images, "red", "000.png"), filepath.Join(dir, "broken.png")
	datatest.Write(t, broken, []byte("no image"))
	array := filepath.Join(dir, "x.npy")
	trunk := "features --random-init --arch regnet_y_200mf --size 32 "
	mustInvoke(t, strings.Fields(trunk+"--images "+images+" --out "+array)...)
	short := filepath.Join(dir, "short.npy")
	content, err := os.ReadFile(array)
	require.NoError(t, err)
	datatest.Write(t, short, content)
	datatest.Write(t, filepath.Join(dir, "short.txt"), []byte("one\n"))
	for name, tt := range map[string]struct{ args, want string }{
		"nothing to search":  {"--images " + images + " --nearest 3", "out"},
		"nearest alone":      {"--images " + images + " --out " + dir + "/y.npy --nearest 3", "--nearest is about a search"},
		"no such query":      {"--images " + images + " --search /nowhere.jpg", "--search: stat /nowhere.jpg"},
		"a folder":           {"--images " + images + " --search " + images, "is a folder; name an image"},
		"no image":           {"--images " + images + " --search " + broken, "broken.png"},
		"several layers":     {"--images " + images + " --search " + query + " --layers stage1,pool", "a search compares the features of one layer"},
		"another trunk":      {"--features " + array + " --search " + query + " --arch regnet_y_400mf", "its rows have 368 features, and those of regnet_y_400mf 440"},
		"no array":           {"--features " + query + " --search " + query, "a .npy file is needed"},
		"two outputs":        {"--features " + array + " --search " + query + " --out " + dir + "/y.npy", "leave --out away"},
		"sheet of nothing":   {"--features " + array + " --search " + query + " --sheet " + dir + "/s.png", "say by --images where those of --features lie"},
		"another folder":     {"--features " + array + " --search " + query + " --sheet " + dir + "/s.png --images " + coloured(t, 1), "--images has no image"},
		"names of another":   {"--features " + short + " --search " + query, "short.txt has 1 names, and the file 3 rows"},
		"unknown layer":      {"--images " + images + " --out " + dir + "/y.npy --layers res5", `"res5" is no layer`},
		"layer twice":        {"--images " + images + " --out " + dir + "/y.npy --layers pool,pool", `"pool" twice`},
		"layer of no trunk":  {"--images " + images + " --out " + dir + "/y.npy --layers stage9", "the trunk has 4 stages"},
		"sheet of no format": {"--images " + images + " --search " + query + " --sheet " + dir + "/s.gif", "name it"},
	} {
		_, _, err := invoke(t, strings.Fields(trunk+tt.args)...)
		assert.ErrorContains(t, err, tt.want, name)
	}
}

// A pass that is stopped goes on behind what it had, and ends with the bytes of one that was not.
func TestFeaturesGoOnAfterAStop(t *testing.T) {
	images := coloured(t, 40)
	datatest.Write(t, filepath.Join(images, "green", "000.jpg"), []byte("no image"))
	whole, stopped := filepath.Join(t.TempDir(), "x.npy"), filepath.Join(t.TempDir(), "x.npy")
	args := []string{"features", "--random-init", "--arch", "regnet_y_200mf", "--size", "32", "--batch", "2", "--images", images, "--out"}
	mustInvoke(t, append(args, whole)...)

	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		rows := filepath.Join(stopped+".partial", "rows.f32")
		for ctx.Err() == nil {
			if st, err := os.Stat(rows); err == nil && st.Size() > 0 {
				cancel()
			}
		}
	}()
	_, _, err := invokeWith(t, ctx, append(args, stopped)...)
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorContains(t, err, "the same command goes on there")
	require.NoFileExists(t, stopped)

	_, messages, err := invoke(t, append(args, stopped)...)
	require.NoError(t, err, messages)
	require.Contains(t, messages, "going on behind the first")
	for _, ending := range []string{".npy", ".txt"} {
		want, err := os.ReadFile(strings.TrimSuffix(whole, ".npy") + ending)
		require.NoError(t, err)
		got, err := os.ReadFile(strings.TrimSuffix(stopped, ".npy") + ending)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	require.NoDirExists(t, stopped+".partial")
}
