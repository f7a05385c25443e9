// SPDX-License-Identifier: MIT

package durabletest

import (
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"seer/internal/durable"
)

// Memory is a file system in memory that remembers what was synced. It is safe
// for use by several goroutines.
type Memory struct {
	mu   sync.Mutex
	root *node
}

// NewMemory returns an empty file system.
func NewMemory() *Memory { return &Memory{root: newNode(fs.ModeDir | 0o755)} }

// node is a file, folder or link. What durable says of it survives any crash; the
// rest of its history survives in part.
type node struct {
	mode   fs.FileMode
	target string // of a link

	data, durable []byte
	writes        []write // since the last Sync

	entries, durableEntries map[string]*node
	changes                 []*change // since the last SyncDir
}

// write is one piece of content that was written.
type write struct {
	at   int64
	data []byte
}

// change is one operation on names. A rename is one of both its folders: a
// journal keeps it whole or not at all.
type change struct {
	parts   []part
	durable bool
}

type part struct {
	dir  *node
	name string
	node *node // nil: removed
}

func newNode(mode fs.FileMode) *node {
	n := &node{mode: mode}
	if mode.IsDir() {
		n.entries, n.durableEntries = map[string]*node{}, map[string]*node{}
	}
	return n
}

// apply performs a change and notes it as not synced.
func apply(parts ...part) {
	c := &change{parts: parts}
	for _, p := range parts {
		set(p.dir.entries, p)
		if !slices.Contains(p.dir.changes, c) {
			p.dir.changes = append(p.dir.changes, c)
		}
	}
}

func set(entries map[string]*node, p part) {
	if p.node == nil {
		delete(entries, p.name)
	} else {
		entries[p.name] = p.node
	}
}

// syncDir makes the changes of a folder durable, in their order.
func (n *node) syncDir() {
	for _, c := range n.changes {
		if c.durable {
			continue
		}
		c.durable = true
		for _, p := range c.parts {
			set(p.dir.durableEntries, p)
		}
	}
	n.changes = nil
}

// Crash returns what a machine would find after a power cut: what was synced, and
// of every other write and change of names each with a probability of share. A
// write may also survive in part, leaving zeros where an earlier one is lost.
func (m *Memory) Crash(random *rand.Rand, share float64) *Memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := crasher{random, share, map[*change]bool{}, map[*node]*node{}}
	return &Memory{root: c.clone(m.root)}
}

type crasher struct {
	random *rand.Rand
	share  float64
	kept   map[*change]bool
	clones map[*node]*node
}

func (c *crasher) clone(n *node) *node {
	if done := c.clones[n]; done != nil {
		return done
	}
	out := newNode(n.mode)
	c.clones[n] = out
	out.target = n.target
	out.data = c.content(n)
	out.durable = slices.Clone(out.data)
	if !n.mode.IsDir() {
		return out
	}
	survivors := maps.Clone(n.durableEntries)
	for _, change := range n.changes {
		keep, known := c.kept[change]
		if !known {
			keep = change.durable || c.random.Float64() < c.share
			c.kept[change] = keep
		}
		for _, p := range change.parts {
			if keep && p.dir == n {
				set(survivors, p)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(survivors)) { // the order decides what is drawn
		child := c.clone(survivors[name])
		out.entries[name], out.durableEntries[name] = child, child
	}
	return out
}

func (c *crasher) content(n *node) []byte {
	data := slices.Clone(n.durable)
	for _, w := range n.writes {
		if c.random.Float64() >= c.share {
			continue
		}
		piece := w.data
		if c.random.IntN(4) == 0 {
			piece = piece[:c.random.IntN(len(piece)+1)]
		}
		data = overwrite(data, piece, w.at)
	}
	return data
}

// overwrite puts a piece into data, which grows where it must.
func overwrite(data, piece []byte, at int64) []byte {
	if end := at + int64(len(piece)); end > int64(len(data)) {
		data = append(data, make([]byte, end-int64(len(data)))...)
	}
	copy(data[at:], piece)
	return data
}

func names(path string) []string {
	path = strings.Trim(filepath.Clean("/"+path), "/")
	if path == "" {
		return nil
	}
	return strings.Split(path, "/")
}

// find returns the node of a path; links on the way are followed, the last one if
// follow says so.
func (m *Memory) find(op, path string, follow bool) (*node, error) {
	n := m.root
	all := names(path)
	for i, name := range all {
		if !n.mode.IsDir() {
			return nil, failure(op, path, syscall.ENOTDIR)
		}
		child := n.entries[name]
		if child == nil {
			return nil, failure(op, path, syscall.ENOENT)
		}
		if child.mode&fs.ModeSymlink != 0 && (follow || i < len(all)-1) {
			to := child.target
			if !filepath.IsAbs(to) {
				to = filepath.Join("/", filepath.Join(all[:i]...), to)
			}
			return m.find(op, filepath.Join(append([]string{to}, all[i+1:]...)...), follow)
		}
		n = child
	}
	return n, nil
}

func failure(op, path string, err error) error { return &fs.PathError{Op: op, Path: path, Err: err} }

// parent finds the folder that holds a path's last name.
func (m *Memory) parent(op, path string) (*node, string, error) {
	dir, err := m.find(op, filepath.Dir(filepath.Clean("/"+path)), true)
	if err == nil && !dir.mode.IsDir() {
		err = failure(op, path, syscall.ENOTDIR)
	}
	return dir, filepath.Base(path), err
}

// make adds a new node under a path.
func (m *Memory) make(op, path string, mode fs.FileMode, target string) (*node, error) {
	dir, name, err := m.parent(op, path)
	if err != nil {
		return nil, err
	}
	if dir.entries[name] != nil {
		return nil, failure(op, path, syscall.EEXIST)
	}
	n := newNode(mode)
	n.target = target
	apply(part{dir, name, n})
	return n, nil
}

// Open implements durable.FS.
func (m *Memory) Open(path string) (durable.File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.find("open", path, true)
	if err != nil {
		return nil, err
	}
	return &file{memory: m, node: n, path: path}, nil
}

// Create implements durable.FS.
func (m *Memory) Create(path string, perm fs.FileMode) (durable.File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.make("open", path, perm.Perm(), "")
	if err != nil {
		return nil, err
	}
	return &file{memory: m, node: n, path: path}, nil
}

// Append implements durable.FS.
func (m *Memory) Append(path string, perm fs.FileMode) (durable.File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.find("open", path, true)
	if err != nil {
		if n, err = m.make("open", path, perm.Perm(), ""); err != nil {
			return nil, err
		}
	}
	return &file{memory: m, node: n, path: path, appends: true}, nil
}

// Lstat implements durable.FS.
func (m *Memory) Lstat(path string) (fs.FileInfo, error) { return m.stat("lstat", path, false) }

// Stat implements durable.FS.
func (m *Memory) Stat(path string) (fs.FileInfo, error) { return m.stat("stat", path, true) }

func (m *Memory) stat(op, path string, follow bool) (fs.FileInfo, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.find(op, path, follow)
	if err != nil {
		return nil, err
	}
	return info{filepath.Base(path), n.mode, int64(len(n.data))}, nil
}

// ReadDir implements durable.FS.
func (m *Memory) ReadDir(path string) ([]fs.DirEntry, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.find("open", path, true)
	if err == nil && !n.mode.IsDir() {
		err = failure("readdir", path, syscall.ENOTDIR)
	}
	if err != nil {
		return nil, err
	}
	var out []fs.DirEntry
	for _, name := range slices.Sorted(maps.Keys(n.entries)) {
		out = append(out, fs.FileInfoToDirEntry(info{name, n.entries[name].mode, int64(len(n.entries[name].data))}))
	}
	return out, nil
}

// Readlink implements durable.FS.
func (m *Memory) Readlink(path string) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.find("readlink", path, false)
	if err == nil && n.mode&fs.ModeSymlink == 0 {
		err = failure("readlink", path, syscall.EINVAL)
	}
	if err != nil {
		return "", err
	}
	return n.target, nil
}

// Mkdir implements durable.FS.
func (m *Memory) Mkdir(path string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, err := m.make("mkdir", path, fs.ModeDir|0o755, "")
	return err
}

// Symlink implements durable.FS.
func (m *Memory) Symlink(target, link string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, err := m.make("symlink", link, fs.ModeSymlink|0o777, target)
	return err
}

// Rename implements durable.FS.
func (m *Memory) Rename(from, to string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	fromDir, fromName, err := m.parent("rename", from)
	if err != nil {
		return err
	}
	toDir, toName, err := m.parent("rename", to)
	if err != nil {
		return err
	}
	n, old := fromDir.entries[fromName], toDir.entries[toName]
	switch {
	case n == nil:
		return failure("rename", from, syscall.ENOENT)
	case old != nil && old.mode.IsDir() && len(old.entries) > 0:
		return failure("rename", to, syscall.ENOTEMPTY)
	case old != nil && old.mode.IsDir() != n.mode.IsDir():
		return failure("rename", to, syscall.EEXIST)
	}
	apply(part{fromDir, fromName, nil}, part{toDir, toName, n})
	return nil
}

// Remove implements durable.FS.
func (m *Memory) Remove(path string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	dir, name, err := m.parent("remove", path)
	if err != nil {
		return err
	}
	n := dir.entries[name]
	switch {
	case n == nil:
		return failure("remove", path, syscall.ENOENT)
	case len(n.entries) > 0:
		return failure("remove", path, syscall.ENOTEMPTY)
	}
	apply(part{dir, name, nil})
	return nil
}

// SyncDir implements durable.FS.
func (m *Memory) SyncDir(path string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.find("open", path, true)
	if err == nil && !n.mode.IsDir() {
		err = failure("fsync", path, syscall.ENOTDIR)
	}
	if err != nil {
		return err
	}
	n.syncDir()
	return nil
}

// info describes a node.
type info struct {
	name string
	mode fs.FileMode
	size int64
}

func (i info) Name() string       { return i.name }
func (i info) Size() int64        { return i.size }
func (i info) Mode() fs.FileMode  { return i.mode }
func (i info) ModTime() time.Time { return time.Time{} }
func (i info) IsDir() bool        { return i.mode.IsDir() }
func (i info) Sys() any           { return nil }

// file is an open file of a Memory.
type file struct {
	memory  *Memory
	node    *node
	path    string
	offset  int64
	appends bool
	closed  bool
}

func (f *file) use(op string) error {
	switch {
	case f.closed:
		return failure(op, f.path, fs.ErrClosed)
	case f.node.mode.IsDir():
		return failure(op, f.path, syscall.EISDIR)
	}
	return nil
}

func (f *file) Name() string { return f.path }

func (f *file) Read(p []byte) (int, error) {
	n, err := f.ReadAt(p, f.offset)
	f.offset += int64(n)
	if n > 0 {
		err = nil
	}
	return n, err
}

func (f *file) ReadAt(p []byte, at int64) (int, error) {
	f.memory.mu.Lock()
	defer f.memory.mu.Unlock()
	if err := f.use("read"); err != nil {
		return 0, err
	}
	if at >= int64(len(f.node.data)) {
		return 0, io.EOF
	}
	n := copy(p, f.node.data[at:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (f *file) Write(p []byte) (int, error) {
	if f.appends {
		f.memory.mu.Lock()
		f.offset = int64(len(f.node.data))
		f.memory.mu.Unlock()
	}
	n, err := f.WriteAt(p, f.offset)
	f.offset += int64(n)
	return n, err
}

func (f *file) WriteAt(p []byte, at int64) (int, error) {
	f.memory.mu.Lock()
	defer f.memory.mu.Unlock()
	if err := f.use("write"); err != nil {
		return 0, err
	}
	f.node.data = overwrite(f.node.data, p, at)
	f.node.writes = append(f.node.writes, write{at, slices.Clone(p)})
	return len(p), nil
}

func (f *file) Stat() (fs.FileInfo, error) {
	f.memory.mu.Lock()
	defer f.memory.mu.Unlock()
	if f.closed {
		return nil, failure("stat", f.path, fs.ErrClosed)
	}
	return info{filepath.Base(f.path), f.node.mode, int64(len(f.node.data))}, nil
}

func (f *file) Chmod(mode fs.FileMode) error {
	f.memory.mu.Lock()
	defer f.memory.mu.Unlock()
	f.node.mode = f.node.mode&^fs.ModePerm | mode.Perm()
	return nil
}

func (f *file) Sync() error {
	f.memory.mu.Lock()
	defer f.memory.mu.Unlock()
	if f.closed {
		return failure("sync", f.path, fs.ErrClosed)
	}
	f.node.durable, f.node.writes = slices.Clone(f.node.data), nil
	return nil
}

func (f *file) Close() error {
	f.memory.mu.Lock()
	defer f.memory.mu.Unlock()
	if f.closed {
		return failure("close", f.path, fs.ErrClosed)
	}
	f.closed = true
	return nil
}
