// SPDX-License-Identifier: MIT

package checkpoint_test

import (
	"fmt"
	"os"
	"path/filepath"

	"seer/checkpoint"
)

// A PyTorch file becomes a safetensors file.
func Example() {
	tensors, texts, err := checkpoint.ReadPickle("testdata/vissl.pth")
	if err != nil {
		fmt.Println(err)
		return
	}
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "vissl.safetensors")
	if err := checkpoint.WriteSafetensors(path, tensors, texts); err != nil {
		fmt.Println(err)
		return
	}
	f, err := checkpoint.Open(path)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer f.Close()
	fmt.Println(f.Format(), "with", len(f.Infos()), "tensors of iteration", f.Metadata()["iteration"])
	fmt.Println(f.Infos()[0])
	// Output:
	// safetensors with 6 tensors of iteration 1200
	// classy_state_dict.base_model.model.heads.0.projection_head.0.weight F32 [4 2]
}
