// SPDX-License-Identifier: MIT

package loader

import (
	"sync/atomic"

	"seer/data/augment"
	"seer/data/source"
)

// A Batch holds the crops of the images of one step on one rank.
type Batch struct {
	Step int64
	// Epoch is that of the batch's first image.
	Epoch uint64
	// Position is the global position behind this step: the images that all
	// ranks have consumed once it is done. It is the state of the stream.
	Position int64
	// Indices are the places in the source of the images that are in the batch,
	// where replacements have taken those of unusable ones. Whoever wants labels
	// looks them up by these.
	Indices []int64
	// Groups holds the pixels, a group for each of the specification.
	Groups []CropGroup
	// Crops says how each crop was made, [image][crop] with the crops in the order of
	// the groups; nil unless [BatchOptions.KeepCrops] asks for it.
	Crops [][]augment.Crop
	// Bad lists the images of this step that could not be used.
	Bad []Bad

	slab atomic.Pointer[slab]
}

// CropGroup holds the crops of one size.
type CropGroup struct {
	Size, Count int
	// Pixels has shape [Count × images, Size, Size, 3], uint8 RGB. It is
	// crop-major: crop 0 of all images, then crop 1 of all images, and so on.
	Pixels []byte
}

// Bad is an image that could not be used.
type Bad struct {
	Step        int64
	Index       int64 // in the source
	Name        string
	Reason      source.Reason
	Err         error
	Replacement int64 // index of the image in its place, -1 for none
}

// Size returns the number of images in the batch.
func (b *Batch) Size() int { return len(b.Indices) }

// Release gives the pixels back for another batch; they must not be used
// afterwards. A second Release does nothing.
func (b *Batch) Release() {
	if s := b.slab.Swap(nil); s != nil {
		for i := range b.Groups {
			b.Groups[i].Pixels = nil // a later use fails instead of reading another batch
		}
		s.pool.put(s)
	}
}

// layOut cuts a slab into the groups of a batch of n images.
func layOut(spec augment.MultiCrop, mem []byte, n int) []CropGroup {
	groups := make([]CropGroup, len(spec.Groups))
	for i, g := range spec.Groups {
		size := g.Count * n * g.Size * g.Size * 3
		groups[i] = CropGroup{Size: g.Size, Count: g.Count, Pixels: mem[:size:size]}
		mem = mem[size:]
	}
	return groups
}

// slot returns the place of crop c of image j among n.
func (g *CropGroup) slot(c, j, n int) []byte {
	size := g.Size * g.Size * 3
	at := (c*n + j) * size
	return g.Pixels[at : at+size : at+size]
}

// compact closes the gaps that unusable images have left; ok says which of the
// slots are filled.
func (b *Batch) compact(ok []bool) {
	n := len(ok)
	for i := range b.Groups {
		g := &b.Groups[i]
		size, to := g.Size*g.Size*3, 0
		for c := range g.Count {
			for j := range n {
				if ok[j] {
					copy(g.Pixels[to:to+size], g.slot(c, j, n))
					to += size
				}
			}
		}
		g.Pixels = g.Pixels[:to]
	}
	kept := 0
	for j := range n {
		if ok[j] {
			b.Indices[kept] = b.Indices[j]
			if b.Crops != nil {
				b.Crops[kept] = b.Crops[j]
			}
			kept++
		}
	}
	b.Indices = b.Indices[:kept]
	if b.Crops != nil {
		b.Crops = b.Crops[:kept]
	}
}
