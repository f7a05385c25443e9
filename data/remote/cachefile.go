// SPDX-License-Identifier: MIT

package remote

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

const (
	blockBytes  = 64 << 10
	headerBytes = 64
	pageBytes   = 4096
	// cacheMagic changes with the layout of the file.
	cacheMagic  = "seerblk1"
	cacheSuffix = ".blocks"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// cacheKey is the SHA-256 of what makes two objects the same one.
type cacheKey [sha256.Size]byte

// identity is an object in one state: what its file in a cache is found by.
type identity struct {
	key  cacheKey
	size int64
}

// identify hashes where an object is, its version and its size. The key goes into names of files, so what a URL holds for
// access only is left out: it is secret, and another for every signed link to the same object.
func identify(u *url.URL, version string, size int64) identity {
	where := *u
	where.User, where.Fragment, where.RawQuery = nil, "", withoutAccess(u.RawQuery)
	h := sha256.New()
	fmt.Fprintf(h, "%s\x00%s\x00%d\x00%s\x00%d", cacheMagic, where.String(), len(version), version, size)
	return identity{key: cacheKey(h.Sum(nil)), size: size}
}

// accessKeys are parameters that sign the links of Amazon, CloudFront and Google, sasKeys those of Azure.
var (
	accessKeys = []string{"signature", "expires", "policy", "key-pair-id", "awsaccesskeyid", "googleaccessid"}
	sasKeys    = []string{"sig", "sv", "ss", "srt", "sp", "sr", "se", "st", "spr", "sip", "skoid", "sktid", "skt", "ske", "sks", "skv"}
)

// withoutAccess keeps the parameters of a query that may name another object, in an order of its own.
func withoutAccess(query string) string {
	q, err := url.ParseQuery(query)
	if err != nil {
		return query
	}
	azure := q.Has("sig")
	for name := range q {
		low := strings.ToLower(name)
		signs := strings.HasPrefix(low, "x-amz-") || strings.HasPrefix(low, "x-goog-") || slices.Contains(accessKeys, low)
		if signs || azure && slices.Contains(sasKeys, low) {
			q.Del(name)
		}
	}
	return q.Encode()
}

func (id identity) fileName() string { return hex.EncodeToString(id.key[:]) + cacheSuffix }

// isCacheFile tells the cache's own files: no others are counted or removed.
func isCacheFile(name string) bool {
	digits, found := strings.CutSuffix(name, cacheSuffix)
	key, err := hex.DecodeString(digits)
	return found && err == nil && len(key) == sha256.Size
}

// The layout of a file: a header, a checksum of 4 bytes a block, and from a whole page on the object, with holes for what
// is not there.

func (id identity) blocks() int64 { return (id.size + blockBytes - 1) / blockBytes }
func (id identity) sumAt(block int64) int64 {
	return headerBytes + 4*block
}
func (id identity) blockAt(block int64) int64 {
	return (id.sumAt(id.blocks())+pageBytes-1)/pageBytes*pageBytes + block*blockBytes
}
func (id identity) blockLen(block int64) int {
	return int(min(blockBytes, id.size-block*blockBytes))
}

// header is the same for every writer, so two that make a file at once do not disturb each other.
func (id identity) header() []byte {
	h := make([]byte, 0, headerBytes)
	h = append(h, cacheMagic...)
	h = binary.LittleEndian.AppendUint64(h, uint64(id.size))
	h = binary.LittleEndian.AppendUint64(h, blockBytes)
	h = append(h, id.key[:]...)
	return append(h, make([]byte, headerBytes-len(h))...)
}

// sum is the checksum of a block, 0 for none. It begins with the block's object and number: a block in a wrong place is a
// damaged one.
func (id identity) sum(block int64, content []byte) uint32 {
	var place [sha256.Size + 8]byte
	copy(place[:], id.key[:])
	binary.LittleEndian.PutUint64(place[sha256.Size:], uint64(block))
	if s := crc32.Update(crc32.Checksum(place[:], castagnoli), castagnoli, content); s != 0 {
		return s
	}
	return 1
}

// blockFile is the open file of one object. One file holds both blocks and checksums, so that they come and go together.
type blockFile struct {
	*os.File
	id       identity
	writable bool
}

// openBlocks opens the file of an object, or makes it; fs.ErrNotExist where there is none and it is not to be made.
func openBlocks(dir string, id identity, create bool) (*blockFile, error) {
	f, err := openFile(filepath.Join(dir, id.fileName()), create)
	if err != nil {
		return nil, err
	}
	if err := f.check(id); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// openFile opens for reading only where writing is not allowed any more.
func openFile(path string, create bool) (*blockFile, error) {
	flags := os.O_RDWR
	if create {
		flags |= os.O_CREATE
	}
	f, err := os.OpenFile(path, flags, 0o600)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return &blockFile{File: f, writable: true}, err
	}
	if f, again := os.Open(path); again == nil {
		return &blockFile{File: f}, nil
	}
	return nil, err
}

// errForeign is a file of the right name with another content.
var errForeign = errors.New("its header is damaged")

// check reads the header, and writes that of an empty file.
func (f *blockFile) check(id identity) error {
	f.id = id
	got := make([]byte, headerBytes)
	n, err := f.ReadAt(got, 0)
	switch {
	case bytes.Equal(got, id.header()):
		return nil
	case n > 0 || !f.writable:
		return errForeign
	case err != io.EOF:
		return err
	}
	if _, err := f.WriteAt(id.header(), 0); err != nil {
		return err
	}
	return f.Truncate(id.blockAt(0) + id.size)
}

// alive reports whether the file still has its name: one that was removed is for nobody.
func (f *blockFile) alive() bool {
	st, err := f.Stat()
	return err == nil && st.Sys().(*syscall.Stat_t).Nlink > 0
}

// used is when the file was last read or written, as far as its time says.
func (f *blockFile) used() time.Time {
	if f == nil {
		return time.Time{}
	}
	st, err := f.Stat()
	if err != nil {
		return time.Time{}
	}
	return st.ModTime()
}

// sums reads the checksums of blocks from first on, as they lie in the file; where it ends they are 0.
func (f *blockFile) sums(first int64, raw []byte) error {
	n, err := f.ReadAt(raw, f.id.sumAt(first))
	clear(raw[n:])
	if err == io.EOF {
		return nil
	}
	return err
}

// block reads one block into a buffer of its length and compares its checksum.
func (f *blockFile) block(block int64, into []byte, want uint32) error {
	if _, err := f.ReadAt(into, f.id.blockAt(block)); err != nil {
		return err
	}
	if got := f.id.sum(block, into); got != want {
		return fmt.Errorf("its checksum is %08x and should be %08x", got, want)
	}
	return nil
}

// put writes blocks from first on, and their checksums only then: another process sees a block when it is there.
func (f *blockFile) put(first int64, content []byte) error {
	if _, err := f.WriteAt(content, f.id.blockAt(first)); err != nil {
		return err
	}
	var raw []byte
	for block := range slices.Chunk(content, blockBytes) {
		raw = binary.LittleEndian.AppendUint32(raw, f.id.sum(first+int64(len(raw)/4), block))
	}
	_, err := f.WriteAt(raw, f.id.sumAt(first))
	return err
}

// forget takes a block out of the file.
func (f *blockFile) forget(block int64) {
	if f.writable {
		f.WriteAt(make([]byte, 4), f.id.sumAt(block))
	}
}
