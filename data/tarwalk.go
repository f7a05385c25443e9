// SPDX-License-Identifier: MIT

package data

import (
	"archive/tar"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// member is one image found in a tar file.
type member struct {
	name           string
	offset, length int64
	// class is the text of the sibling label, "" where there is none.
	class string
}

// tarWalk lists the images of one tar file by its headers, without reading the
// images. Files that share the path up to the first dot of the base name belong
// together, as WebDataset defines it: a .cls, .json or .txt among them labels
// the images. Such groups must be contiguous.
type tarWalk struct {
	extensions []string
	labels     bool
	emit       func(member) error

	key     string   // of the group being collected
	group   []member // its images
	class   string
	rank    int // of the sibling that class came from: .cls beats .json beats .txt
	skipped int // members that are neither images nor labels
}

func (w *tarWalk) walk(r io.ReaderAt, size int64) error {
	if err := refuseCompressed(r); err != nil {
		return err
	}
	src := &tarFile{r: r, size: size}
	tr := tar.NewReader(src)
	for {
		h, err := tr.Next()
		if err == io.EOF {
			return w.flush()
		}
		if err != nil {
			return src.explain(err)
		}
		if err := w.member(tr, h, src.pos); err != nil {
			return err
		}
		if err := src.checkEnd(h, src.pos); err != nil {
			return err
		}
	}
}

// refuseCompressed recognises archives that are compressed as a whole: there is
// no random access into them.
func refuseCompressed(r io.ReaderAt) error {
	var head [6]byte
	n, _ := r.ReadAt(head[:], 0)
	for magic, name := range map[string]string{
		"\x1f\x8b": "gzip", "\x28\xb5\x2f\xfd": "zstd", "\xfd7zXZ\x00": "xz", "BZh": "bzip2",
	} {
		if strings.HasPrefix(string(head[:n]), magic) {
			return fmt.Errorf("it is compressed as a whole, with %s; unpack it first, or compress its members one by one", name)
		}
	}
	return nil
}

// member files one header; the data begin at offset.
func (w *tarWalk) member(tr *tar.Reader, h *tar.Header, offset int64) error {
	if h.Typeflag != tar.TypeReg || isSparse(h) {
		w.skipped++ // folders, links, devices; sparse data are not contiguous
		return nil
	}
	key, ext := splitKey(h.Name)
	if key != w.key {
		if err := w.flush(); err != nil {
			return err
		}
		w.key = key
	}
	switch {
	case isMemberImage(h.Name, w.extensions):
		w.group = append(w.group, member{name: h.Name, offset: offset, length: h.Size})
	case w.labels && labelRank(ext) > 0:
		return w.sibling(tr, h, ext)
	default:
		w.skipped++
	}
	return nil
}

// sibling reads a label file. What holds no label (a caption, say) is skipped.
func (w *tarWalk) sibling(tr *tar.Reader, h *tar.Header, ext string) error {
	const enough = 1 << 20
	if h.Size > enough || labelRank(ext) <= w.rank {
		return nil
	}
	text, err := io.ReadAll(io.LimitReader(tr, enough))
	if err != nil {
		return fmt.Errorf("member %s: %w", h.Name, err)
	}
	if class, ok := parseClass(text, ext); ok {
		w.class, w.rank = class, labelRank(ext)
	}
	return nil
}

// flush emits the images of the group that has ended.
func (w *tarWalk) flush() error {
	for _, m := range w.group {
		m.class = w.class
		if err := w.emit(m); err != nil {
			return err
		}
	}
	w.group, w.class, w.rank = w.group[:0], "", 0
	return nil
}

// splitKey splits "a/b.c.jpg" into "a/b" and ".c.jpg".
func splitKey(name string) (key, ext string) {
	base := baseName(name)
	i := strings.IndexByte(base, '.')
	if i < 0 {
		return name, ""
	}
	cut := len(name) - len(base) + i
	return name[:cut], strings.ToLower(name[cut:])
}

// baseName is what follows the last slash: empty for names that no writer
// makes but some bytes spell, where path.Base would make one up.
func baseName(name string) string {
	return name[strings.LastIndexByte(name, '/')+1:]
}

func labelRank(ext string) int {
	switch ext {
	case ".cls":
		return 3
	case ".json":
		return 2
	case ".txt":
		return 1
	}
	return 0
}

// maxClass is the longest class name; longer texts are captions.
const maxClass = 256

// parseClass returns the label in a sibling: the text of a .cls, an integer in
// a .txt, or the member "label", "cls" or "class" of a JSON object.
func parseClass(text []byte, ext string) (string, bool) {
	class := strings.TrimSpace(string(text))
	switch ext {
	case ".txt":
		_, err := strconv.ParseUint(class, 10, 31)
		return class, err == nil
	case ".json":
		class = jsonClass(text)
	}
	return class, class != "" && len(class) <= maxClass && !strings.ContainsAny(class, "\n\x00")
}

func jsonClass(text []byte) string {
	var fields map[string]any
	d := json.NewDecoder(strings.NewReader(string(text)))
	d.UseNumber()
	if d.Decode(&fields) != nil {
		return ""
	}
	for _, name := range []string{"label", "cls", "class"} {
		switch v := fields[name].(type) {
		case string:
			return v
		case json.Number:
			return v.String()
		}
	}
	return ""
}

// isMemberImage also accepts images that are compressed once more.
func isMemberImage(name string, extensions []string) bool {
	base := baseName(name)
	if strings.HasPrefix(base, "._") {
		return false // AppleDouble shadows end like the images they belong to
	}
	plain, _ := splitCompression(base)
	return isImage(plain, extensions)
}

func isSparse(h *tar.Header) bool {
	if h.Typeflag == tar.TypeGNUSparse {
		return true
	}
	for k := range h.PAXRecords {
		if strings.HasPrefix(k, "GNU.sparse.") {
			return true
		}
	}
	return false
}

// tarFile is the buffered, seekable stream that archive/tar walks along. Its
// position after a header is where the member's data begin.
type tarFile struct {
	r         io.ReaderAt
	size, pos int64
	buf       []byte
	at        int64 // position of buf in the file
}

// walkBuffer is the stretch read at once. Small images lie within it, so that
// most headers cost no system call; behind larger ones the walk jumps.
const walkBuffer = 64 << 10

func (f *tarFile) Read(p []byte) (int, error) {
	if f.pos >= f.size {
		return 0, io.EOF
	}
	if f.pos < f.at || f.pos >= f.at+int64(len(f.buf)) {
		if err := f.fill(); err != nil {
			return 0, err
		}
	}
	n := copy(p, f.buf[f.pos-f.at:])
	f.pos += int64(n)
	return n, nil
}

func (f *tarFile) fill() error {
	if f.buf == nil {
		f.buf = make([]byte, walkBuffer)
	}
	n, err := f.r.ReadAt(f.buf[:cap(f.buf)], f.pos)
	if n == 0 {
		f.buf = f.buf[:0]
		if err == nil || err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return err
	}
	f.buf, f.at = f.buf[:n], f.pos
	return nil
}

// Seek lets archive/tar jump over the data of a member.
func (f *tarFile) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += f.pos
	case io.SeekEnd:
		offset += f.size
	}
	if offset < 0 {
		return 0, errors.New("seek before the beginning")
	}
	f.pos = offset
	return offset, nil
}

// explain turns archive/tar's few words into what can be done about them.
func (f *tarFile) explain(err error) error {
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("it ends inside a member after %d bytes: it was cut; fetch it again", f.size)
	case errors.Is(err, tar.ErrHeader):
		return fmt.Errorf("no tar header before byte %d (%w): it is damaged or no tar file", f.pos, err)
	}
	return err
}

// checkEnd refuses a member that reaches beyond the file. archive/tar would
// notice only on its way to the next header.
func (f *tarFile) checkEnd(h *tar.Header, offset int64) error {
	if h.Typeflag == tar.TypeReg && h.Size > f.size-offset && !isSparse(h) {
		return f.explain(io.ErrUnexpectedEOF)
	}
	return nil
}
