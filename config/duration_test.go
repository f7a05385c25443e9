// SPDX-License-Identifier: MIT

package config

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParseDuration(t *testing.T) {
	for text, want := range map[string]Duration{
		"100ep":  {100, Epochs},
		"0.5ep":  {0.5, Epochs},
		"313it":  {313, Steps},
		"0it":    {0, Steps},
		"1e9img": {1e9, Images},
		"2.5%":   {2.5, Percent},
		"100 ep": {100, Epochs},
	} {
		got, err := ParseDuration(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, got)
	}
}

func TestParseDurationErrors(t *testing.T) {
	for text, want := range map[string]string{
		"100":     "it has no unit",
		"":        "it has no unit",
		"ep":      "not a number",
		"10epit":  "not a number",
		"1ep2it":  "not a number",
		"-1ep":    "negative",
		"1.5it":   "whole numbers",
		"0.5img":  "whole numbers",
		"101%":    "over 100",
		"nanit":   "not finite",
		"Infep":   "not finite",
		"1e300it": "over 1e15",
		"10steps": "it has no unit",
	} {
		_, err := ParseDuration(text)
		assert.ErrorContains(t, err, want, text)
		assert.ErrorContains(t, err, `"100ep"`, "the message shows the forms")
	}
}

func TestDurationText(t *testing.T) {
	for text, want := range map[string]string{
		"100ep": "100ep", "1e9img": "1e9img", "1000000000img": "1e9img", "122070it": "122070it",
		"2.50%": "2.5%", "0it": "0it", "1e-7ep": "1e-07ep", "20000000it": "20000000it",
	} {
		d, err := ParseDuration(text)
		require.NoError(t, err)
		assert.Equal(t, want, d.String())
		again, err := ParseDuration(d.String())
		require.NoError(t, err)
		assert.Equal(t, d, again)
	}
	assert.Empty(t, Duration{}.String())
	assert.True(t, Duration{}.IsZero())
	assert.False(t, Duration{0, Steps}.IsZero())
}

func TestDurationSteps(t *testing.T) {
	imagenet := Scale{Images: 1_281_167, Batch: 4096, Total: 1000}
	for _, c := range []struct {
		text  string
		scale Scale
		want  int64
	}{
		{"313it", imagenet, 313},
		{"1ep", imagenet, 312},     // 312.8 batches: whole steps that fit
		{"100ep", imagenet, 31278}, // epochs follow each other without a gap
		{"1e9img", Scale{Batch: 8192}, 122_070},
		{"1e9img", Scale{Batch: 7936}, 126_008},
		{"1e9img", Scale{Batch: 4096}, 244_140},
		{"2.5%", imagenet, 25},
		{"0.06%", imagenet, 1}, // 0.6, to the nearest
		{"0.01%", imagenet, 1}, // but longer than nothing is a step
		{"100%", imagenet, 1000},
		{"0%", imagenet, 0},
		{"0it", Scale{}, 0},
		{"5img", imagenet, 1},
		{"0.1ep", Scale{Images: 1000, Batch: 10}, 10}, // 0.1 has no exact binary form
		{"0.3ep", Scale{Images: 1000, Batch: 10}, 30},
	} {
		d, err := ParseDuration(c.text)
		require.NoError(t, err)
		got, err := d.Steps(c.scale)
		require.NoError(t, err)
		assert.Equal(t, c.want, got, "%s of %+v", c.text, c.scale)
	}
	got, err := Duration{}.Steps(Scale{})
	require.NoError(t, err)
	assert.Zero(t, got)
}

func TestDurationStepsNeedsTheScale(t *testing.T) {
	for text, want := range map[string]string{
		"1ep": "number of images", "1img": "needs the batch", "5%": "share of the whole run",
	} {
		d, err := ParseDuration(text)
		require.NoError(t, err)
		_, err = d.Steps(Scale{})
		assert.ErrorContains(t, err, want)
	}
}

func FuzzParseDuration(f *testing.F) {
	for _, seed := range []string{"100ep", "313it", "1e9img", "2.5%", "", "ep", "-0it", "0x1p4ep", "1_0it", "9999999999999999it"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, err := ParseDuration(text)
		if err != nil {
			return
		}
		again, err := ParseDuration(d.String())
		if err != nil || again != d {
			t.Fatalf("%q is %v, which reads back as %v, %v", text, d, again, err)
		}
		if n, err := d.Steps(Scale{Images: 1000, Batch: 7, Total: 50}); err != nil || n < 0 || n == 0 && d.Value > 0 {
			t.Fatalf("%q is %d steps, %v", text, n, err)
		}
	})
}
