// SPDX-License-Identifier: MIT

package source

import (
	"archive/tar"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"path"
	"strconv"
	"strings"
)

// member is one image found in a tar file.
type member struct {
	name string
	span
	// class is the text of the sibling label, "" where there is none.
	class string
}

// span is where the data of a member lie.
type span struct{ offset, length int64 }

// tarWalk lists the images of one tar file by its headers, without reading the
// images. Files that share the path up to the first dot of the base name belong
// together, as WebDataset defines it: a .cls, .json or .txt among them labels
// the images. Such groups must be contiguous.
type tarWalk struct {
	selection selection
	labels    bool
	emit      func(member) error

	key     string   // of the group being collected
	group   []member // its images
	class   string
	rank    int    // of the sibling that class came from: .cls beats .json beats .txt
	skipped counts // members that are neither images nor labels
	remarks counts
	members int64 // of all archives
	names   nameSet
	source  io.ReaderAt
	files   fileSet
}

func (w *tarWalk) walk(r io.ReaderAt, size int64) error {
	w.skipped, w.remarks = counts{}, counts{}
	if err := refuseForeign(r, size); err != nil {
		return err
	}
	src := &tarFile{r: r, size: size}
	w.source = r
	for more := true; more; {
		err := w.archive(src)
		if err == nil {
			err = w.flush() // archives that were joined do not share samples
		}
		if err == nil {
			more, err = src.behind()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// What is remarkable about shards and their samples.
const (
	noEndMark    = "shards that end without an end mark, as if they had been cut"
	repeatedName = "names that came before in the same shard, all of them used"
	manyImages   = "samples of several images, all of them used"
)

// archive walks up to the end mark of an archive, or to the end of the file.
func (w *tarWalk) archive(src *tarFile) error {
	tr := tar.NewReader(src)
	for {
		h, err := tr.Next()
		switch {
		case err == io.EOF:
			if w.members > 0 && src.last >= src.size {
				w.remarks.add(noEndMark, "")
			}
			return nil
		case errors.Is(err, tar.ErrHeader) && src.loneZeros():
			return nil // half an end mark; what follows is read on
		case err != nil && !errors.Is(err, tar.ErrInsecurePath): // names are names here: nothing is written
			return src.explain(err)
		}
		w.members++
		data := src.pos
		if src.last = data; !isSparse(h) {
			src.last += (h.Size + tarBlock - 1) / tarBlock * tarBlock
		}
		if err := w.member(tr, h, data); err != nil {
			return err
		}
		if err := src.checkEnd(h, data); err != nil {
			return err
		}
	}
}

// refuseForeign recognises what can be no tar file: downloads that failed, and
// archives that are compressed as a whole, into which there is no random access.
func refuseForeign(r io.ReaderAt, size int64) error {
	if size == 0 {
		return errors.New("it is empty (0 bytes): fetch it again, or leave it out")
	}
	var head [512]byte
	n, err := r.ReadAt(head[:], 0)
	if err != nil && err != io.EOF {
		return err
	}
	for magic, name := range map[string]string{
		"\x1f\x8b": "gzip", "\x28\xb5\x2f\xfd": "zstd", "\xfd7zXZ\x00": "xz", "BZh": "bzip2",
	} {
		if strings.HasPrefix(string(head[:n]), magic) {
			return fmt.Errorf("it is compressed as a whole, with %s; unpack it first, or compress its members one by one", name)
		}
	}
	if n < len(head) {
		return fmt.Errorf("it has %d bytes, and a tar file at least 512: it was cut, or something else was saved in its place; it begins with %.40q", size, head[:n])
	}
	return nil
}

// member files one header; the data begin at offset.
func (w *tarWalk) member(tr *tar.Reader, h *tar.Header, offset int64) error {
	switch regular := h.Typeflag == tar.TypeReg || h.Typeflag == tar.TypeCont; {
	case h.Typeflag == tar.TypeDir, h.Typeflag == tar.TypeXGlobalHeader:
		return nil // they hold nothing
	case hiddenPath(h.Name):
		if regular && !isSparse(h) {
			w.files.add(h.Name, span{offset, h.Size}) // a link to it may not be hidden
		}
		return w.skip(isHidden, h.Name)
	case h.Typeflag == tar.TypeSymlink:
		return w.skip("links", h.Name)
	case h.Typeflag == tar.TypeLink:
		return w.link(h)
	case isSparse(h):
		return w.skip("sparse members, whose data lie in pieces", h.Name)
	case !regular:
		return w.skip("special members", h.Name)
	}
	w.files.add(h.Name, span{offset, h.Size})
	return w.file(tr, h.Name, span{offset, h.Size})
}

// looseLink counts hard links whose member is missing, sparse or comes later.
const looseLink = "hard links to no file before them in the shard"

// link files a hard link: another name of a member that came before, with its data. tar writes one where a file that it
// packs has two names.
func (w *tarWalk) link(h *tar.Header) error {
	data, ok := w.files.find(h.Linkname)
	if !ok {
		return w.skip(looseLink, h.Name)
	}
	w.files.add(h.Name, data)
	return w.file(io.NewSectionReader(w.source, data.offset, data.length), h.Name, data)
}

// file files a name with its data, which r reads.
func (w *tarWalk) file(r io.Reader, name string, data span) error {
	key, ext := splitKey(name)
	if key != w.key {
		if err := w.flush(); err != nil {
			return err
		}
		w.key = key
	}
	switch why := w.selection.why(name, true); {
	case why == "":
		w.group = append(w.group, member{name: name, span: data})
	case w.labels && labelRank(ext) > 0:
		return w.sibling(r, name, data.length, ext)
	default:
		return w.skip(why, name)
	}
	return nil
}

func (w *tarWalk) skip(what, name string) error {
	w.skipped.add(what, name)
	return nil
}

// sibling reads a label file. What holds no label (a caption, say) is skipped.
func (w *tarWalk) sibling(r io.Reader, name string, size int64, ext string) error {
	const enough = 1 << 20
	if size > enough || labelRank(ext) <= w.rank {
		return nil
	}
	text, err := io.ReadAll(io.LimitReader(r, enough))
	if err != nil {
		return fmt.Errorf("member %s: %w", name, err)
	}
	if class, ok := parseClass(text, ext); ok {
		w.class, w.rank = class, labelRank(ext)
	}
	return nil
}

// flush emits the images of the group that has ended.
func (w *tarWalk) flush() error {
	for _, m := range w.choose() {
		m.class = w.class
		if !w.names.add(m.name) {
			w.remarks.add(repeatedName, m.name)
		}
		if err := w.emit(m); err != nil {
			return err
		}
	}
	w.group, w.class, w.rank = w.group[:0], "", 0
	return nil
}

// choose returns the images of a sample. Where it holds several and nobody has
// chosen, one whose ending is all that follows the key ("0001.jpg") is the image,
// and the others ("0001.seg.png") go with it: masks, depths, previews. Of two
// such a photograph's format comes before one in which masks are stored.
func (w *tarWalk) choose() []member {
	if len(w.group) < 2 || len(w.selection.take)+len(w.selection.leave) > 0 {
		return w.group
	}
	images := w.group
	for _, better := range []func(ext string) bool{isSimpleEnding, isPhotoEnding} {
		images = w.prefer(images, better)
	}
	for _, m := range images[1:] {
		if m.name != images[0].name {
			w.remarks.add(manyImages, images[0].name)
			break
		}
	}
	return images
}

// prefer keeps the better images of a sample, or all where none or all are.
func (w *tarWalk) prefer(images []member, better func(ext string) bool) []member {
	var good, rest []member
	for _, m := range images {
		unpacked, _ := splitCompression(m.name)
		if _, ext := splitKey(unpacked); better(ext) {
			good = append(good, m)
		} else {
			rest = append(rest, m)
		}
	}
	if len(good) == 0 {
		return images
	}
	for _, m := range rest {
		w.skipped.add(companions, m.name)
	}
	return good
}

// companions is what images are counted as that go with another one.
const companions = "images beside the one of their sample"

func isSimpleEnding(ext string) bool { return strings.Count(ext, ".") == 1 }

// isPhotoEnding holds for formats that lose detail: nobody stores masks in them.
func isPhotoEnding(ext string) bool {
	switch ext {
	case ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".avif", ".heic", ".heif":
		return true
	}
	return false
}

// nameSet remembers names by their hashes, the first million of them: shards hold thousands.
type nameSet struct {
	seed maphash.Seed
	seen map[uint64]struct{}
}

// add says whether a name is new.
func (s *nameSet) add(name string) bool {
	if s.seen == nil {
		s.seed, s.seen = maphash.MakeSeed(), map[uint64]struct{}{}
	}
	h := maphash.String(s.seed, name)
	_, known := s.seen[h]
	if !known && len(s.seen) < 1<<20 {
		s.seen[h] = struct{}{}
	}
	return !known
}

// fileSet remembers where the data of members lie, the first million of them, for hard links.
type fileSet struct {
	seed  maphash.Seed
	spans map[uint64]span
}

// hash takes "./a.jpg" for "a.jpg", as an unpacking tar does.
func (s *fileSet) hash(name string) uint64 { return maphash.String(s.seed, path.Clean("/"+name)) }

func (s *fileSet) add(name string, data span) {
	if s.spans == nil {
		s.seed, s.spans = maphash.MakeSeed(), map[uint64]span{}
	}
	h := s.hash(name)
	if _, known := s.spans[h]; known || len(s.spans) < 1<<20 {
		s.spans[h] = data // of two members of a name the later one is what a link leads to
	}
}

func (s *fileSet) find(name string) (span, bool) {
	if s.spans == nil {
		return span{}, false
	}
	data, ok := s.spans[s.hash(name)]
	return data, ok
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
