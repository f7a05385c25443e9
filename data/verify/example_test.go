// SPDX-License-Identifier: MIT

package verify_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"seer/data/datatest"
	"seer/data/source"
	"seer/data/verify"
)

func ExampleRun() {
	dir, err := os.MkdirTemp("", "images")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	os.WriteFile(filepath.Join(dir, "a.jpg"), datatest.JPEG(64, 48, 1), 0o644)
	os.WriteFile(filepath.Join(dir, "b.jpg"), datatest.JPEG(64, 48, 1), 0o644)
	os.WriteFile(filepath.Join(dir, "c.jpg"), nil, 0o644)
	src, err := source.Open(source.Location{Path: dir})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer src.Close()
	report, err := verify.Run(context.Background(), src, verify.CheckOptions{
		Find: func(f verify.Finding) { fmt.Println(f.Name, f.Kind) },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(report.Usable, "of", report.Images, "usable")
	// Output:
	// c.jpg corrupt
	// b.jpg duplicate
	// 2 of 3 usable
}
