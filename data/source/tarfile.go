// SPDX-License-Identifier: MIT

package source

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// tarFile is the buffered, seekable stream that archive/tar walks along. Its
// position after a header is where the member's data begin.
type tarFile struct {
	r         io.ReaderAt
	size, pos int64
	last      int64 // where the data of the last member end
	joined    int64 // where another archive begins, behind the end mark of one
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

// loneZeros says whether the reader stands behind a block that is no header and
// follows one of zeros, and goes back to it.
func (f *tarFile) loneZeros() bool {
	var two [2 * tarBlock]byte
	from := f.pos - int64(len(two))
	if from < 0 || f.joined > 0 && f.joined == f.pos-tarBlock {
		return false // what follows an end mark begins with a header
	}
	if _, err := f.r.ReadAt(two[:], from); err != nil || !isZero(two[:tarBlock]) || isZero(two[tarBlock:]) {
		return false
	}
	f.pos -= tarBlock
	return true
}

const (
	tarBlock = 512
	// maxPadding of zeros may follow an archive: tar fills it up to records of 10,240
	// bytes, or a few hundred kilobytes for tapes.
	maxPadding = 1 << 20
)

func isZero(b []byte) bool { return len(bytes.Trim(b, "\x00")) == 0 }

// behind looks behind the end mark of an archive: shards are joined with cat, and
// a download that reserves its space leaves zeros where it stopped.
func (f *tarFile) behind() (more bool, err error) {
	mark := f.pos
	var block [tarBlock]byte
	for f.pos < f.size {
		n, err := io.ReadFull(f, block[:])
		if err != nil && err != io.ErrUnexpectedEOF {
			return false, err
		}
		switch zero := isZero(block[:n]); {
		case zero && f.pos-mark > maxPadding:
			return false, fmt.Errorf("more than a megabyte of zeros follows byte %d of %d, where its last member ends: a download reserved the space and stopped; fetch it again", f.last, f.size)
		case zero:
		case n < tarBlock:
			return false, fmt.Errorf("behind the end mark at byte %d there is something that is no archive, %.20q: it is damaged, or was joined with another file", mark, block[:n])
		default:
			f.pos -= tarBlock
			f.joined = f.pos
			return true, nil
		}
	}
	return false, nil
}

// explain turns archive/tar's few words into what can be done about them.
func (f *tarFile) explain(err error) error {
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("it ends inside a member after %d bytes: it was cut; fetch it again", f.size)
	case errors.Is(err, tar.ErrHeader) && f.joined > 0 && f.pos == f.joined+tarBlock:
		return fmt.Errorf("behind an end mark, at byte %d, there are bytes that are not zero and no tar header (%w): it is damaged, or was joined with another file", f.joined, err)
	case errors.Is(err, tar.ErrHeader):
		return fmt.Errorf("no tar header before byte %d (%w): it is damaged or no tar file%s", f.pos, err, f.beginning())
	}
	return fmt.Errorf("before byte %d: %w", f.pos, err)
}

// beginning quotes what a file begins with that has no header at all: a web page, as a rule.
func (f *tarFile) beginning() string {
	var head [40]byte
	if _, err := f.r.ReadAt(head[:], 0); err != nil || f.pos > tarBlock {
		return ""
	}
	return fmt.Sprintf("; it begins with %q: is that an error message in its place?", head)
}

// checkEnd refuses a member that reaches beyond the file. archive/tar would
// notice only on its way to the next header.
func (f *tarFile) checkEnd(h *tar.Header, offset int64) error {
	if (h.Typeflag == tar.TypeReg || h.Typeflag == tar.TypeCont) && h.Size > f.size-offset && !isSparse(h) {
		return f.explain(io.ErrUnexpectedEOF)
	}
	return nil
}
