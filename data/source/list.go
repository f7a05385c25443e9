// SPDX-License-Identifier: MIT

package source

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/gzip"

	"seer/data/index"
)

// listScan reads a text file with one image path a line; the package
// documentation has the format.
type listScan struct {
	scanner
}

func (s *listScan) layout() index.Layout { return index.Layout{Labels: s.spec.Labels} }

func (s *listScan) into(b *index.Builder) (index.Meta, error) {
	path, err := filepath.Abs(s.spec.Path)
	if err != nil {
		return index.Meta{}, fmt.Errorf("data: %w", err)
	}
	chosen, err := s.spec.selection()
	if err != nil {
		return index.Meta{}, err
	}
	f, err := openMaybeGzip(path)
	if err != nil {
		return index.Meta{}, fmt.Errorf("data: list: %w", err)
	}
	defer f.Close()
	meta := index.Meta{Kind: "files", Root: filepath.Dir(path), Members: s.spec.Members, Skipped: counts{}, Remarks: counts{}}
	probe := prober{root: meta.Root, remarks: meta.Remarks}
	lines := lineReader{labels: s.spec.Labels, exists: probe.exists, skipped: meta.Skipped}
	err = lines.each(f, func(l line) error {
		if !chosen.chosen(string(bytes.TrimSpace(l.path))) {
			counts(meta.Skipped).add(notChosen, l.place())
			return nil
		}
		meta.Labels = max(meta.Labels, l.label+1)
		probe.see(l)
		if err := b.Add(index.Entry{Name: l.path, Label: l.label}); err != nil {
			return err
		}
		return s.tick(b.Len(), path)
	})
	if err != nil {
		return index.Meta{}, fmt.Errorf("data: list %s: %w", path, err)
	}
	if b.Len() == 0 {
		skipped := ""
		if len(meta.Skipped) > 0 {
			skipped = " (" + counts(meta.Skipped).text(5, true) + ")"
		}
		return index.Meta{}, fmt.Errorf("data: list %s names no images%s; write one path a line", path, skipped)
	}
	s.done(b.Len())
	return meta, probe.verdict(path)
}

// prober looks whether the first files of a list exist. A list that was moved
// away from its images should fail here, with the reason, not as a thousand
// missing images; looking at all of them would take too long.
type prober struct {
	root        string
	first       string
	seen, found int
	remarks     counts
}

const probed = 16

func (p *prober) exists(path []byte) bool {
	_, err := os.Stat((&fileSource{root: p.root}).path(string(path)))
	return err == nil
}

func (p *prober) see(l line) {
	if p.seen == probed {
		return
	}
	if p.seen++; p.seen == 1 {
		p.first = (&fileSource{root: p.root}).path(string(l.path))
	}
	if p.exists(l.path) {
		p.found++
		return
	}
	p.remarks.add(fmt.Sprintf("files that do not exist, of the first %d", probed), l.place()+": "+string(l.path))
}

func (p *prober) verdict(list string) error {
	if p.found > 0 {
		return nil
	}
	hint := ""
	if strings.Contains(p.first, `\`) {
		hint = "; folders are separated by / here"
	}
	return fmt.Errorf("data: list %s: none of its first %d files exists, the first being %s; paths are relative to the list's folder%s", list, p.seen, printable(p.first), hint)
}

// openMaybeGzip opens a file and looks through gzip, whatever its name says.
func openMaybeGzip(path string) (*stacked, error) {
	f, st, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	br := bufio.NewReaderSize(f, 1<<16)
	if head, _ := br.Peek(2); !bytes.Equal(head, []byte{0x1f, 0x8b}) {
		return &stacked{br, f, st.Size()}, nil
	}
	z, err := gzip.NewReader(br)
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &stacked{z, f, st.Size() * gzipRatio}, nil
}

// stacked reads through a filter and closes the file below it.
type stacked struct {
	io.Reader
	file io.Closer
	room int64 // no more bytes than these can come
}

// gzipRatio is the most that deflate can shrink anything: 258 bytes into two bits.
const gzipRatio = 1032

func (s *stacked) Close() error { return s.file.Close() }
