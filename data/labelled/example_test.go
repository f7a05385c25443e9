// SPDX-License-Identifier: MIT

package labelled_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"seer/data/datatest"
	"seer/data/labelled"
	"seer/data/subset"
)

// imageNet writes the layout of ILSVRC 2012 with two classes and eight images of each.
func imageNet() string {
	root, err := os.MkdirTemp("", "imagenet")
	if err != nil {
		panic(err)
	}
	for i := range 16 {
		class := []string{"n01440764", "n02119789"}[i%2]
		path := filepath.Join(root, "train", class, fmt.Sprintf("%s_%d.JPEG", class, i))
		os.MkdirAll(filepath.Dir(path), 0o755)
		os.WriteFile(path, datatest.JPEG(64, 48, uint64(i)), 0o644)
	}
	return root
}

// A quarter of the images, the same number of every class. The set is a data.Source, as the loader takes it.
func ExampleOpen() {
	root := imageNet()
	defer os.RemoveAll(root)
	all, err := labelled.Open(context.Background(), root, labelled.SetOptions{Split: "train"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer all.Close()
	quarter, err := subset.Balanced(all, .25, 1)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(all.Kind, all.Len(), all.Counts(), all.Classes())
	for _, i := range quarter {
		fmt.Println(all.Name(i))
	}
	// Output:
	// imagenet 16 [8 8] [n01440764 n02119789]
	// n01440764/n01440764_10.JPEG
	// n01440764/n01440764_6.JPEG
	// n02119789/n02119789_11.JPEG
	// n02119789/n02119789_5.JPEG
}
