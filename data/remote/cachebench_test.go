// SPDX-License-Identifier: MIT

package remote_test

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// Reads of an image's size at random offsets of an object that is in the cache, beside those of a local file. All of it is
// in the page cache: the checksums and the blocks' edges are what differs.
func BenchmarkCachedRead(b *testing.B) {
	const size, image = 256 << 20, 110_000
	content, dir := object(0, size), b.TempDir()
	local := filepath.Join(dir, "local")
	require.NoError(b, os.WriteFile(local, content, 0o644))
	f, err := os.Open(local)
	require.NoError(b, err)
	defer f.Close()
	origin := newOrigin(b, 0, 0)
	origin.objects = [][]byte{content}
	o := cached(b, newCache(b, filepath.Join(dir, "cache"), 2*size), origin.url+"/0")
	require.NoError(b, o.ReadAt(b.Context(), make([]byte, size), 0))
	p := make([]byte, image)
	for name, read := range map[string]func(off int64) error{
		"cache": func(off int64) error { return o.ReadAt(b.Context(), p, off) },
		"pread": func(off int64) error { _, err := f.ReadAt(p, off); return err },
	} {
		b.Run(name, func(b *testing.B) {
			random := rand.New(rand.NewPCG(1, 2))
			b.SetBytes(image)
			b.ReportAllocs()
			for b.Loop() {
				if err := read(random.Int64N(size - image)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
