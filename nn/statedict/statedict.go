// SPDX-License-Identifier: MIT

package statedict

import (
	"fmt"
	"slices"
	"strings"

	"seer/checkpoint"
	"seer/checkpoint/weights"
	"seer/nn"
	"seer/torch"
)

var toFileType = map[torch.DType]checkpoint.DType{
	torch.Float32: checkpoint.F32, torch.Float16: checkpoint.F16, torch.BFloat16: checkpoint.BF16,
	torch.Float64: checkpoint.F64, torch.Int64: checkpoint.I64, torch.Int32: checkpoint.I32,
	torch.UInt8: checkpoint.U8, torch.Bool: checkpoint.Bool,
}

// Of copies every tensor of w to host memory, under its name.
func Of(w nn.Walker) ([]checkpoint.Tensor, error) {
	var out []checkpoint.Tensor
	err := torch.Try(func() {
		for _, e := range nn.Entries(w) {
			out = append(out, checkpoint.Tensor{
				Name: e.Name, DType: toFileType[e.Tensor.DType()], Shape: e.Tensor.Shape(), Data: e.Tensor.RawBytes(),
			})
		}
	})
	return out, err
}

// Load overwrites every tensor of w with the file's tensor of that name. It changes nothing unless all names, types and
// shapes agree; a difference is one error that lists what is missing, what is too much, and what does not fit.
func Load(w nn.Walker, file *checkpoint.File) error {
	entries := nn.Entries(w)
	want := make([]checkpoint.Info, len(entries))
	for i, e := range entries {
		want[i] = checkpoint.Info{Name: e.Name, DType: toFileType[e.Tensor.DType()], Shape: e.Tensor.Shape()}
	}
	plan, err := weights.Match(file, want, weights.MatchOptions{Arch: "the experiment", Exact: true})
	if err != nil {
		return err
	}
	for i, e := range entries {
		t, err := plan.Read(i)
		if err != nil {
			return err
		}
		if err := e.Tensor.SetRawBytes(t.Data); err != nil {
			return fmt.Errorf("%s, tensor %s: %w", file.Path(), e.Name, err)
		}
	}
	return nil
}

// Below reads the tensors of a file whose names begin with a prefix, without it.
func Below(file *checkpoint.File, prefix string) (tensors []checkpoint.Tensor, err error) {
	for _, info := range file.Infos() {
		name, ok := strings.CutPrefix(info.Name, prefix)
		if !ok {
			continue
		}
		t, err := file.Read(info.Name)
		if err != nil {
			return nil, err
		}
		t.Name = name
		tensors = append(tensors, t)
	}
	return tensors, nil
}

// Set overwrites every tensor of w with the one of its name. One that is missing, or of another type or shape, is an
// error.
func Set(w nn.Walker, tensors []checkpoint.Tensor) error {
	given := map[string]checkpoint.Tensor{}
	for _, t := range tensors {
		given[t.Name] = t
	}
	for _, e := range nn.Entries(w) {
		t, ok := given[e.Name]
		switch {
		case !ok:
			return fmt.Errorf("tensor %s is missing", e.Name)
		case t.DType != toFileType[e.Tensor.DType()] || !slices.Equal(t.Shape, e.Tensor.Shape()):
			return fmt.Errorf("tensor %s is %s %v, and must be %v", e.Name, t.DType, t.Shape, e.Tensor)
		}
		if err := e.Tensor.SetRawBytes(t.Data); err != nil {
			return fmt.Errorf("tensor %s: %w", e.Name, err)
		}
	}
	return nil
}
