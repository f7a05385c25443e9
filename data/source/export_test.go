// SPDX-License-Identifier: MIT

package source

// What the tests with a loader, which are outside this package, see of its inside.

// Opened opens a source for a test.
var Opened = open

// LimitHandles bounds the shards of a source that are open at the same time.
func LimitHandles(src Source, n int) { src.(*tarSource).shards.limit = n }

// SetChunk sets the bytes that a source in windows reads at once.
func SetChunk(src Source, n int64) { src.(*windowedTar).chunk = n }

// ShardSizes are the bytes of a source's shards.
func ShardSizes(src Source) (sizes []int64) {
	for _, s := range src.(*windowedTar).shards.shards {
		sizes = append(sizes, s.Size)
	}
	return sizes
}

// ChunkReads is the number of bytes with which a shard is opened.
const ChunkReads = chunkReads
