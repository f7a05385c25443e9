// SPDX-License-Identifier: MIT

package source

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// idxSource holds an IDX file of raw images (MNIST, Fashion-MNIST) in memory.
type idxSource struct {
	n       int64
	w, h, c int
	pix     []byte
	labels  []byte // nil without
	classes []string
	sum     string
}

var _ Source = (*idxSource)(nil)

func (s *idxSource) Len() int64                 { return s.n }
func (s *idxSource) Name(i int64) string        { return strconv.FormatInt(i, 10) }
func (s *idxSource) Classes() []string          { return s.classes }
func (s *idxSource) Fingerprint() string        { return s.sum }
func (s *idxSource) Close() error               { return nil }
func (s *idxSource) bytes() int64               { return int64(s.w) * int64(s.h) * int64(s.c) }
func (s *idxSource) image(i int64) (pix []byte) { return s.pix[i*s.bytes() : (i+1)*s.bytes()] }

func (s *idxSource) Label(i int64) int {
	if s.labels == nil {
		return -1
	}
	return int(s.labels[i])
}

func (s *idxSource) Read(ctx context.Context, i int64, _ []byte) (Item, error) {
	if err := ctx.Err(); err != nil {
		return Item{}, err
	}
	return Item{Raw: &RawImage{W: s.w, H: s.h, C: s.c, Pix: s.image(i)}, Shared: true}, nil
}

// openIDX reads an image file, and its labels from the file beside it whose
// name has "labels-idx1" where the images' has "images-idx3".
func openIDX(spec Location) (Source, error) {
	path, err := findIDX(spec.Path)
	if err != nil {
		return nil, err
	}
	raw, err := readIDX(path)
	if err != nil {
		return nil, err
	}
	s, err := imagesOf(raw)
	if err != nil {
		return nil, fmt.Errorf("data: %s: %w", path, err)
	}
	sum := sha256.New()
	sum.Write(raw.data)
	if spec.Labels {
		if err := s.addLabels(path); err != nil {
			return nil, err
		}
		sum.Write(s.labels)
	}
	s.sum = hex.EncodeToString(sum.Sum(nil))
	return s, nil
}

func (s *idxSource) addLabels(images string) error {
	path, err := labelFile(images)
	if err != nil {
		return err
	}
	raw, err := readIDX(path)
	if err != nil {
		return err
	}
	if len(raw.dims) != 1 || int64(raw.dims[0]) != s.n {
		return fmt.Errorf("data: %s has shape %v; the %d images of %s need [%d]", path, raw.dims, s.n, images, s.n)
	}
	s.labels = raw.data
	for i := range int(slices.Max(raw.data)) + 1 {
		s.classes = append(s.classes, strconv.Itoa(i))
	}
	return nil
}

// findIDX picks the images in a folder; with training and test images side by
// side the choice is the user's.
func findIDX(path string) (string, error) {
	st, err := os.Stat(path)
	if err != nil {
		return "", fmt.Errorf("data: source: %w", err)
	}
	if !st.IsDir() {
		return path, nil
	}
	list, err := os.ReadDir(path)
	if err != nil {
		return "", fmt.Errorf("data: source: %w", err)
	}
	var found []string
	for _, d := range list {
		if isIDXName(d.Name()) && !strings.Contains(d.Name(), "labels") {
			found = append(found, filepath.Join(path, d.Name()))
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return "", fmt.Errorf("data: folder %s holds no IDX images (…images-idx3-ubyte, with or without .gz)", path)
	}
	return "", fmt.Errorf("data: folder %s holds several IDX files; name one: %s", path, strings.Join(found, ", "))
}

// labelFile finds the labels of an image file, packed or not.
func labelFile(images string) (string, error) {
	dir, base := filepath.Split(images)
	stem := strings.TrimSuffix(base, ".gz")
	name := strings.NewReplacer("images", "labels", "idx3", "idx1", "idx4", "idx1").Replace(stem)
	if name != stem {
		for _, candidate := range []string{name, name + ".gz"} {
			if _, err := os.Stat(dir + candidate); err == nil {
				return dir + candidate, nil
			}
		}
	}
	return "", fmt.Errorf("data: labels are asked for, but there is no %s (or .gz) beside %s", dir+name, images)
}

// idxData is a decoded IDX file of bytes.
type idxData struct {
	dims []int
	data []byte
}

func readIDX(path string) (idxData, error) {
	f, err := openMaybeGzip(path)
	if err != nil {
		return idxData{}, fmt.Errorf("data: IDX file: %w", err)
	}
	defer f.Close()
	d, err := decodeIDX(f, f.room)
	if err != nil {
		return idxData{}, fmt.Errorf("data: IDX file %s: %w", path, err)
	}
	return d, nil
}

// maxIDX bounds the decoded size; the format's users hold tens of megabytes.
const maxIDX = 16 << 30

// decodeIDX reads the format of yann.lecun.com/exdb/mnist: two zero bytes, the
// type (8 is unsigned byte, the only one here), the number of dimensions, each
// as a big-endian uint32, then the data, the last dimension fastest.
//
// The header is believed as far as the file of it has room.
func decodeIDX(r io.Reader, room int64) (d idxData, err error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return d, fmt.Errorf("it is shorter than a header: %w", err)
	}
	if head[0] != 0 || head[1] != 0 || head[2] != 8 || head[3] < 1 || head[3] > 4 {
		return d, fmt.Errorf("it begins with % x; an IDX file of bytes begins with 00 00 08 and 1 to 4 dimensions", head)
	}
	total := int64(1)
	for range head[3] {
		var b [4]byte
		if _, err := io.ReadFull(r, b[:]); err != nil {
			return d, fmt.Errorf("it is cut in its header: %w", err)
		}
		n := int64(binary.BigEndian.Uint32(b[:]))
		if n == 0 || n > maxIDX/total {
			return d, fmt.Errorf("dimension %d is %d; allowed are sizes from 1 to %d bytes in all", len(d.dims), n, int64(maxIDX))
		}
		total *= n
		d.dims = append(d.dims, int(n))
	}
	if total > room {
		return d, fmt.Errorf("its shape %v needs %d bytes of data, and the file has room for %d: it was cut, or is something else", d.dims, total, room)
	}
	// A packed file has room for much: memory grows with what is there.
	var buf bytes.Buffer
	n, err := io.Copy(&buf, io.LimitReader(r, total+1))
	switch {
	case err != nil:
		return d, err
	case n != total:
		return d, fmt.Errorf("its shape %v needs %d bytes of data, and it holds %s", d.dims, total, holds(n, total))
	}
	d.data = buf.Bytes()
	return d, nil
}

func holds(n, total int64) string {
	if n > total {
		return "more"
	}
	return strconv.FormatInt(n, 10)
}

// imagesOf takes [n, h, w] for grey images, [n, h, w, 1 or 3] for interleaved.
func imagesOf(d idxData) (*idxSource, error) {
	s := &idxSource{c: 1, pix: d.data}
	switch {
	case len(d.dims) == 3:
	case len(d.dims) == 4 && (d.dims[3] == 1 || d.dims[3] == 3):
		s.c = d.dims[3]
	case len(d.dims) == 1:
		return nil, errors.New("these are labels; name the file of images")
	default:
		return nil, fmt.Errorf("its shape is %v; images have [n, h, w] or [n, h, w, 1 or 3]", d.dims)
	}
	s.n, s.h, s.w = int64(d.dims[0]), d.dims[1], d.dims[2]
	return s, nil
}
