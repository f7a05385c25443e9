// SPDX-License-Identifier: MIT

package checkpoint

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"seer/checkpoint/pickle"
)

// openLegacy reads what torch.save wrote before 1.6: five pickles (magic number,
// protocol, system, object, storage keys), then each storage as a count of 8
// bytes and its elements.
func (f *File) openLegacy(size int64) error {
	f.format = PyTorchLegacy
	needed, at := storages{}, int64(0)
	var parts [5]any
	for i := range parts {
		opt := pickle.ReadOptions{Name: findName, Persistent: needed.load, KeepPlain: i == 4} // the last is a list of keys
		part, n, err := pickle.Decode(io.NewSectionReader(f.r, at, size-at), opt)
		if at += n; err == nil && i < 3 {
			err = checkPreamble(i, part)
		}
		if err != nil {
			return formatErrorf(f.path, "", "legacy PyTorch file, part %d of 5: %v", i+1, err)
		}
		parts[i] = part
	}
	places, err := f.placeStorages(parts[4], needed, at, size)
	if err != nil {
		return formatErrorf(f.path, "", "legacy PyTorch file: %v", err)
	}
	return f.finish(parts[3], func(key string, dst []byte, offset int64, _ bool) error {
		place, ok := places[key]
		if !ok {
			return fmt.Errorf("storage %q is missing from the file", key)
		}
		return readFull(f.r, dst, place+offset)
	})
}

// magicNumber opens every legacy file: 0x1950a86a20f9469cfc6c.
const magicNumber = "\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"

func checkPreamble(i int, part any) error {
	switch i {
	case 0:
		if n, ok := part.(pickle.Long); !ok || string(n) != magicNumber {
			return fmt.Errorf("it is a plain pickle that begins with %s, not a file by torch.save: "+
				"in Python, load it with pickle and save its tensors by torch.save", describe(part))
		}
	case 1:
		if part != any(int64(1001)) {
			return fmt.Errorf("protocol is %v; 1001 is needed", part)
		}
	case 2:
		system, ok := part.(*pickle.Dict)
		if !ok {
			return fmt.Errorf("system is %s; a dict is needed", describe(part))
		}
		if little, ok := system.Get("little_endian"); ok && little != true {
			return errors.New("byte order is big; little is needed")
		}
	}
	return nil
}

// placeStorages walks the blocks behind the pickles and returns where the
// elements of each key begin.
func (f *File) placeStorages(keys any, needed storages, at, size int64) (map[string]int64, error) {
	list, ok := keys.(*pickle.List)
	if !ok {
		return nil, fmt.Errorf("storage keys are %s; a list is needed", describe(keys))
	}
	places := map[string]int64{}
	for _, item := range list.Items {
		key, _ := item.(string)
		s := needed[key]
		if s == nil || s.size == 0 {
			return nil, fmt.Errorf("storage %.40v is of no known type, so what follows it cannot be found", item)
		}
		var count [8]byte
		if err := readFull(f.r, count[:], at); err != nil {
			return nil, fmt.Errorf("storage %q: %w", key, err)
		}
		n := int64(binary.LittleEndian.Uint64(count[:]))
		if n != s.elements || n > (size-at-8)/s.size {
			return nil, fmt.Errorf("storage %q has %d elements of %s in the last %d bytes of the file; %d are needed",
				key, n, s.class, size-at-8, s.elements)
		}
		places[key] = at + 8
		at += 8 + n*s.size
	}
	return places, nil
}
