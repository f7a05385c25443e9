// SPDX-License-Identifier: MIT

package source

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// splitCompression takes .gz or .zst off the end of a file name.
func splitCompression(name string) (plain, compression string) {
	for _, ext := range []string{".gz", ".zst"} {
		if len(name) > len(ext) && strings.EqualFold(name[len(name)-len(ext):], ext) {
			return name[:len(name)-len(ext)], ext
		}
	}
	return name, ""
}

// decompress unpacks a member of a shard, at most limit bytes of it.
func decompress(compression string, packed []byte, limit int64) ([]byte, error) {
	switch compression {
	case ".gz":
		return gunzip(packed, limit)
	case ".zst":
		return unzstd(packed, limit)
	}
	return packed, nil
}

func gunzip(packed []byte, limit int64) ([]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, fmt.Errorf("gzip: %w", err)
	}
	out, err := readLimited(z, limit)
	if err != nil {
		return nil, fmt.Errorf("gzip: %w", err)
	}
	return out, nil
}

// zstdReaders recycles decoders: each holds its window and tables.
var zstdReaders = sync.Pool{New: func() any {
	// One goroutine and a bounded window: loaders run many of these.
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(DefaultMaxFileBytes))
	if err != nil {
		panic(err) // only for options out of range
	}
	return d
}}

func unzstd(packed []byte, limit int64) ([]byte, error) {
	d := zstdReaders.Get().(*zstd.Decoder)
	defer zstdReaders.Put(d)
	if err := d.Reset(bytes.NewReader(packed)); err != nil {
		return nil, fmt.Errorf("zstd: %w", err)
	}
	out, err := readLimited(d, limit)
	if err != nil {
		return nil, fmt.Errorf("zstd: %w", err)
	}
	return out, nil
}

// readLimited reads all of r, or refuses what goes beyond the limit: a few
// packed bytes can unfold to gigabytes.
func readLimited(r io.Reader, limit int64) ([]byte, error) {
	out, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, err
	}
	return out, checkSize(int64(len(out)), limit)
}
