// SPDX-License-Identifier: MIT

package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path"
	"slices"
	"strings"

	"seer/torch"
)

// features are one file of `seer features`, with the classes of its images.
type features struct {
	x       []float32
	width   int
	labels  []int64
	classes int
}

// read takes the .npy and the names beside it.
func read(file string) (*features, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	names, err := os.ReadFile(strings.TrimSuffix(file, ".npy") + ".txt")
	if err != nil {
		return nil, err
	}
	f := &features{}
	rows := strings.Split(strings.TrimSpace(string(names)), "\n")
	f.label(rows)
	header := bytes.IndexByte(raw, '\n') + 1
	values := raw[header:]
	if header == 0 || len(values)%(4*len(rows)) != 0 {
		return nil, fmt.Errorf("%s: %d bytes for %d names; float32 of `seer features` is needed", file, len(values), len(rows))
	}
	f.width = len(values) / 4 / len(rows)
	for ; len(values) > 0; values = values[4:] {
		f.x = append(f.x, math.Float32frombits(binary.LittleEndian.Uint32(values)))
	}
	return f, nil
}

// label numbers the folders in the order of their names.
func (f *features) label(names []string) {
	var folders []string
	for _, n := range names {
		folders = append(folders, path.Dir(n))
	}
	all := slices.Compact(slices.Sorted(slices.Values(folders)))
	f.classes = len(all)
	for _, folder := range folders {
		i, _ := slices.BinarySearch(all, folder)
		f.labels = append(f.labels, int64(i))
	}
}

// spread takes n images at even distances; 0 is all.
func (f *features) spread(n int) *features {
	total := len(f.labels)
	if n == 0 || n >= total {
		return f
	}
	some := &features{width: f.width, classes: f.classes}
	for i := range n {
		at := i * total / n
		some.x = append(some.x, f.x[at*f.width:(at+1)*f.width]...)
		some.labels = append(some.labels, f.labels[at])
	}
	return some
}

func (f *features) tensor() *torch.Tensor {
	return torch.FromFloat32(f.x, int64(len(f.labels)), int64(f.width))
}
