// SPDX-License-Identifier: MIT

package source_test

import (
	"fmt"
	"os"
	"path/filepath"

	"seer/data/datatest"
	"seer/data/source"
)

// tree writes six drawn images in two class folders.
func tree() string {
	dir, err := os.MkdirTemp("", "images")
	if err != nil {
		panic(err)
	}
	for i := range 6 {
		path := filepath.Join(dir, []string{"ape", "owl"}[i%2], fmt.Sprintf("%d.jpg", i))
		os.MkdirAll(filepath.Dir(path), 0o755)
		os.WriteFile(path, datatest.JPEG(64, 48, uint64(i)), 0o644)
	}
	return dir
}

func ExampleOpen() {
	dir := tree()
	defer os.RemoveAll(dir)
	src, err := source.Open(source.Location{Path: dir, Labels: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer src.Close()
	fmt.Println(src.Len(), src.Classes())
	fmt.Println(src.Name(3), src.Label(3))
	// Output:
	// 6 [ape owl]
	// owl/1.jpg 1
}
