// SPDX-License-Identifier: MIT

package loader_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"seer/data/augment"
	"seer/data/datatest"
	"seer/data/loader"
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

// Two views of 32 pixels and four of 16 for every image.
func ExampleLoader() {
	dir := tree()
	defer os.RemoveAll(dir)
	src, err := source.Open(source.Location{Path: dir})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer src.Close()
	ctx := context.Background()
	batches, err := loader.New(ctx, loader.BatchOptions{
		Source: src,
		Crops:  augment.MultiCrop{Groups: []augment.Group{augment.Views(2, 32, .14, 1), augment.Views(4, 16, .05, .14)}},
		Batch:  3,
		Epochs: 1,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer batches.Close()
	for batch, err := range batches.All(ctx) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println("step", batch.Step, "images", batch.Size())
		for _, g := range batch.Groups {
			fmt.Println(" ", g.Count*batch.Size(), "crops of", g.Size, "in", len(g.Pixels), "bytes")
		}
	}
	// Output:
	// step 0 images 3
	//   6 crops of 32 in 18432 bytes
	//   12 crops of 16 in 9216 bytes
	// step 1 images 3
	//   6 crops of 32 in 18432 bytes
	//   12 crops of 16 in 9216 bytes
}

// In evaluation images come once and in order.
func ExampleLoader_sequential() {
	dir := tree()
	defer os.RemoveAll(dir)
	src, err := source.Open(source.Location{Path: dir, Labels: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer src.Close()
	ctx := context.Background()
	batches, err := loader.New(ctx, loader.BatchOptions{Source: src, Crops: augment.Eval(36, 32), Batch: 4, Sequential: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer batches.Close()
	for batch := range batches.All(ctx) {
		var classes []string
		for _, i := range batch.Indices {
			classes = append(classes, src.Classes()[src.Label(i)])
		}
		fmt.Println(batch.Indices, classes)
	}
	// Output:
	// [0 1 2 3] [ape ape ape owl]
	// [4 5] [owl owl]
}
