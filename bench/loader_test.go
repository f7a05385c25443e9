// SPDX-License-Identifier: MIT

package bench

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/config"
	"seer/data/datatest"
)

func loading(t *testing.T) LoaderOptions {
	d := config.Default().Data
	d.Source = datatest.Folder(t, 10)
	return LoaderOptions{
		Data: d, Crops: []config.Crop{{Count: 2, Size: 160}, {Count: 3, Size: 32}},
		Batch: 4, Workers: 2, Seconds: 0.2,
	}
}

func TestLoaderCountsImagesAndStages(t *testing.T) {
	r, err := Loader(context.Background(), loading(t))
	require.NoError(t, err)
	assert.Positive(t, r.Images)
	assert.Zero(t, r.Images%4, "whole batches, over as many epochs as it takes")
	for name, ms := range map[string]float64{"read": r.ReadMs, "decode": r.DecodeMs, "resize": r.ResizeMs, "jitter": r.JitterMs, "blur": r.BlurMs} {
		assert.Positive(t, ms, name)
	}
	assert.Equal(t, 2, r.Workers)
	assert.Zero(t, r.Bad)
}

func TestLoaderReadsInWindows(t *testing.T) {
	o := loading(t)
	o.Data.Source, o.Data.ShuffleWindow = datatest.Shards(t, 3, 20, 2), 16
	r, err := Loader(context.Background(), o)
	require.NoError(t, err)
	assert.Positive(t, r.Images)
}

func TestLoaderSpecFollowsSwAV(t *testing.T) {
	s := loaderSpec(loading(t).Crops)
	require.NoError(t, s.Validate())
	assert.Equal(t, 5, s.Crops())
	assert.Equal(t, [2]float64{.14, 1}, s.Groups[0].Scale)
	assert.Equal(t, [2]float64{.05, .14}, s.Groups[1].Scale)
}

func TestLoaderRefusesAndStops(t *testing.T) {
	o := loading(t)
	stop := errors.New("enough")
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(stop)
	_, err := Loader(ctx, o)
	assert.ErrorIs(t, err, stop)
	o.Data.Source += "/nothing"
	_, err = Loader(context.Background(), o)
	assert.ErrorContains(t, err, "nothing")
}
