// SPDX-License-Identifier: MIT

package checkpoint

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Limits on an index, far over that of any published checkpoint.
const (
	maxIndexBytes = 64 << 20
	maxShards     = 4096
)

// indexSuffix ends the name of the list of shards that transformers writes.
const indexSuffix = ".index.json"

var shardName = regexp.MustCompile(`^(.+)-(\d{4,6})-of-(\d{4,6})(\.\w+)$`)

// Shard tells from a file's name that it is one of several, as in
// "model-00001-of-00002.safetensors": number 1 of 2. Other names are 0 of 0.
func Shard(path string) (number, of int) {
	m := shardName.FindStringSubmatch(filepath.Base(path))
	if m == nil {
		return 0, 0
	}
	number, _ = strconv.Atoi(m[2])
	of, _ = strconv.Atoi(m[3])
	return number, of
}

// shardIndex is transformers' model.safetensors.index.json.
type shardIndex struct {
	WeightMap map[string]string `json:"weight_map"` // tensor to file
}

// openIndex opens the shards that an index lists as one file.
func openIndex(path string) (*File, error) {
	index, err := readIndex(path)
	if err != nil {
		return nil, err
	}
	dir := filepath.Dir(path)
	shards := slices.Sorted(maps.Values(index.WeightMap))
	shards = slices.Compact(shards)
	for _, name := range shards {
		if !filepath.IsLocal(name) {
			return nil, formatErrorf(path, "", "names the shard %q, which does not lie beside it", name)
		}
	}
	f, err := openShards(path, dir, shards)
	if err != nil {
		return nil, err
	}
	for _, key := range slices.Sorted(maps.Keys(index.WeightMap)) {
		if _, ok := f.Lookup(key); !ok {
			return nil, errors.Join(formatErrorf(path, key, "should be in %s, which does not hold it", index.WeightMap[key]), f.Close())
		}
	}
	return f, nil
}

func readIndex(path string) (shardIndex, error) {
	var index shardIndex
	info, err := os.Stat(path)
	if err != nil {
		return index, err
	}
	if info.Size() > maxIndexBytes {
		return index, formatErrorf(path, "", "has %d bytes, which no index of shards has; allowed are %d", info.Size(), maxIndexBytes)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return index, err
	}
	return parseIndex(path, data)
}

func parseIndex(path string, data []byte) (shardIndex, error) {
	var index shardIndex
	if err := json.Unmarshal(data, &index); err != nil {
		return index, formatErrorf(path, "", "index of shards: %v", err)
	}
	if len(index.WeightMap) == 0 {
		return index, formatErrorf(path, "", "is a JSON document without a weight_map: name weights, or the index of their shards (…%s)", indexSuffix)
	}
	return index, nil
}

// openShards opens files of one folder as one. What is missing is named at once.
func openShards(path, dir string, shards []string) (*File, error) {
	if len(shards) > maxShards {
		return nil, formatErrorf(path, "", "has %d shards; allowed are %d", len(shards), maxShards)
	}
	var missing []string
	for _, name := range shards {
		if _, err := os.Stat(filepath.Join(dir, name)); errors.Is(err, os.ErrNotExist) {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		return nil, formatErrorf(path, "", "%d of %d shards are missing from %s: %s; download them into this folder",
			len(missing), len(shards), dir, strings.Join(missing[:min(len(missing), 10)], ", "))
	}
	return joinShards(path, dir, shards)
}

func joinShards(path, dir string, shards []string) (*File, error) {
	whole := &File{path: path, metadata: map[string]string{}, texts: map[string]string{}, index: map[string]int{}}
	var parts sharded
	whole.close = func() error { return parts.close() }
	for _, name := range shards {
		part, err := openSingle(filepath.Join(dir, name))
		if err != nil {
			return nil, errors.Join(err, parts.close())
		}
		parts.add(part)
		if err := whole.join(part); err != nil {
			return nil, errors.Join(err, parts.close())
		}
	}
	whole.format = fmt.Sprintf("%d shards of %s", len(shards), whole.format)
	whole.data = parts
	return whole, nil
}

// join adds a shard's table of contents.
func (f *File) join(part *File) error {
	f.format = cmp.Or(f.format, part.format)
	f.size += part.size
	f.notes = append(f.notes, part.notes...)
	maps.Copy(f.metadata, part.metadata)
	maps.Copy(f.texts, part.texts)
	for _, info := range part.infos {
		if _, twice := f.index[info.Name]; twice {
			return formatErrorf(part.path, info.Name, "is in an earlier shard, too")
		}
		f.index[info.Name] = len(f.infos)
		f.infos = append(f.infos, info)
	}
	return nil
}

// sharded are the tensors of several files.
type sharded struct {
	files  []*File
	owner  []*File // of each tensor
	number []int   // of each tensor in its file
}

func (s *sharded) add(f *File) {
	s.files = append(s.files, f)
	for i := range f.infos {
		s.owner, s.number = append(s.owner, f), append(s.number, i)
	}
}

func (s *sharded) close() error {
	var errs []error
	for _, f := range s.files {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}

func (s sharded) scattered(i int) bool { return s.owner[i].data.scattered(s.number[i]) }
func (s sharded) stored(i int) int64   { return s.owner[i].data.stored(s.number[i]) }

func (s sharded) readAt(i int, dst []byte, offset int64) error {
	if err := s.owner[i].data.readAt(s.number[i], dst, offset); err != nil {
		return fmt.Errorf("%s: %w", s.owner[i].path, err)
	}
	return nil
}
