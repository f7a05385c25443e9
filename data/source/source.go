// SPDX-License-Identifier: MIT

package source

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"seer/data/fetch"
)

// A Source is a list of images with random access. All methods but Close may
// be called from any number of goroutines at once.
type Source interface {
	// Len returns the number of images, at least 1.
	Len() int64
	// Read returns the bytes of image i. They may lie in buf, whose length is
	// ignored, or in new memory that the caller may use as the next buf.
	// An error is about this image, unless it is ctx's: the loader replaces
	// and counts it by the reason of [ReasonOf].
	Read(ctx context.Context, i int64, buf []byte) (Item, error)
	// Name returns the path of image i, for logs and for the rows of feature
	// files: relative to the folder or list, inside the shard, or a number.
	Name(i int64) string
	// Label returns the class of image i, -1 where there is none.
	Label(i int64) int
	// Classes returns the names of the labels; nil without labels.
	Classes() []string
	// Close releases files. No Read may be running.
	Close() error
}

// Prefetcher is a [Source] whose reads have a latency worth hiding: it is told what will be read soon.
type Prefetcher interface {
	// Ahead is the number of images, in the order of the stream, between a hint and its read.
	Ahead() int
	// Prefetch says that image i will be read soon. It never blocks.
	Prefetch(i int64)
}

// An Item is one image as it is stored.
type Item struct {
	// Bytes is the encoded file. Nil if Raw is set.
	Bytes []byte
	// Raw is set where a source holds pixels instead of files (IDX).
	Raw *RawImage
	// Shared says that the memory belongs to the source: it must neither be
	// written nor become the next Read's buffer.
	Shared bool
}

// RawImage is an image of H rows of W pixels of C interleaved channels (1 grey
// or 3 RGB), one byte each, without gaps between rows.
type RawImage struct {
	W, H, C int
	Pix     []byte
}

// Location says where images come from.
type Location struct {
	// Path is a folder, a list file, tar shards, an IDX file, a list of URLs or
	// an index: see the package documentation.
	Path string
	// Kind is one of [Kinds]; "" means "auto".
	Kind string
	// Labels asks for a class for every image; it is an error if the source
	// has none. Without it every label is -1.
	Labels bool
	// Extensions are the file name endings that count as images, lower case
	// with the dot; nil means [DefaultExtensions]. Folder and tar only: a list
	// says itself what it holds.
	Extensions []string
	// Members chooses the images by their names: endings ("jpg" is all that follows
	// the first dot, as WebDataset has it), patterns for the name or the end of the
	// path ("*.jpg", "images/*"), and exceptions ("!*.seg.png"); case does not count.
	// What a pattern chooses may have no ending, or one that is in Extensions or in
	// the pattern. Not for IDX files and URLs.
	Members []string
	// MaxFileBytes refuses larger image files, 0 means [DefaultMaxFileBytes].
	MaxFileBytes int64
	// Column is that of the URLs in parquet files; "" means "url" or "URL".
	Column string
	// URLs bounds how a list of URLs is downloaded.
	URLs fetch.DownloadOptions
	// WriteIndex stores the walk through each tar shard beside it, as
	// <shard>.seeridx, for the next time.
	WriteIndex bool
	// Window is set for shards that are read in the order of [sampler.Windowed]:
	// the number of images of this process's windows, all lanes together. Shards
	// are then read in long stretches, and 0 reads image by image.
	Window int64
	// Cache keeps what is read of shards that are URLs.
	Cache Cache
	// Progress is told now and then how far a long scan is. It may be called
	// from any goroutine, never from two at once.
	Progress func(Progress)
}

// Progress is the state of a scan.
type Progress struct {
	Images int64  // found so far
	Where  string // folder, list or shard being read
}

// DefaultExtensions are the endings of the formats that can be decoded.
var DefaultExtensions = []string{".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".gif", ".webp", ".avif", ".heic", ".heif", ".bmp", ".tif", ".tiff"}

// DefaultMaxFileBytes is the limit on an image file: no photograph comes near
// it, and a stray archive in a folder of images cannot exhaust the memory.
const DefaultMaxFileBytes = 512 << 20

// Fingerprint identifies the resolved list of images and labels of a source,
// as 64 hexadecimal digits: a checkpoint holds it, so that a resumed run can
// tell that its data have changed. It covers names, labels, positions in
// shards and raw pixels, not the content of image files.
func Fingerprint(src Source) string {
	if f, ok := src.(interface{ Fingerprint() string }); ok {
		return f.Fingerprint()
	}
	h := sha256.New()
	for i := range src.Len() {
		fmt.Fprintf(h, "%s\x00%d\n", src.Name(i), src.Label(i))
	}
	return hex.EncodeToString(h.Sum(nil))
}
