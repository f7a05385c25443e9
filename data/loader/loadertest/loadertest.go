// SPDX-License-Identifier: MIT

// Package loadertest loads small batches in the tests of packages whose images a loader reads.
package loadertest

import (
	"crypto/sha256"
	"fmt"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"seer/data/augment"
	"seer/data/loader"
	"seer/data/source"
)

// Options ask for batches of six images, two crops of 16 and three of 8 pixels each.
func Options(src source.Source) loader.BatchOptions {
	crops := augment.MultiCrop{Groups: []augment.Group{augment.Views(2, 16, .3, 1), augment.Views(3, 8, .1, .3)}}
	return loader.BatchOptions{Source: src, Crops: crops, Batch: 6, Workers: 2, Seed: 5}
}

// Load starts a loader, which the end of the test closes.
func Load(t *testing.T, opt loader.BatchOptions) *loader.Loader {
	t.Helper()
	l, err := loader.New(t.Context(), opt)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	return l
}

// Digest is all that a batch says.
func Digest(b *loader.Batch) string {
	h := sha256.New()
	for _, g := range b.Groups {
		fmt.Fprintln(h, g.Size, g.Count, len(g.Pixels))
		h.Write(g.Pixels)
	}
	return fmt.Sprintf("step %d epoch %d position %d %v %d bad %x", b.Step, b.Epoch, b.Position, b.Indices, len(b.Bad), h.Sum(nil)[:8])
}

// Take returns the digests of n batches, or of all for n < 0.
func Take(t *testing.T, l *loader.Loader, n int) (digests []string) {
	t.Helper()
	for ; n != 0; n-- {
		b, err := l.Next(t.Context())
		if err == io.EOF {
			return digests
		}
		require.NoError(t, err)
		digests = append(digests, Digest(b))
		b.Release()
	}
	return digests
}
