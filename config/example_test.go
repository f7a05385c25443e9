// SPDX-License-Identifier: MIT

package config_test

import (
	"fmt"
	"os"
	"path/filepath"

	"seer/config"
)

func ExampleLoad() {
	dir, _ := os.MkdirTemp("", "example")
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "small.toml")
	_ = os.WriteFile(path, []byte(`
version = 1
[[crops]]
count = 2
size  = 224
scale = [0.14, 1.0]
[model]
arch = "regnet_y_16gf"
[optim]
batch = 4096
[train]
duration = "100ep"
`), 0o600)

	e, err := config.Load(path, []string{"data.source=/data/images", "swav.prototypes=3000"})
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err := e.Validate(config.Pretrain); err != nil {
		fmt.Println(err)
		return
	}
	plan, _, _ := e.Resolve(1_281_167, 8) // images in the source, processes
	fmt.Println(plan.Steps, "steps at a peak rate of", plan.PeakLR)
	// Output: 31278 steps at a peak rate of 4.8
}
