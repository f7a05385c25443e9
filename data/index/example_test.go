// SPDX-License-Identifier: MIT

package index_test

import (
	"fmt"
	"os"
	"path/filepath"

	"seer/data/index"
)

// A table on disk, sorted by name in bounded memory, then looked up.
func ExampleCreate() {
	dir, _ := os.MkdirTemp("", "index")
	defer os.RemoveAll(dir)
	b, err := index.Create(filepath.Join(dir, "pets.seeridx"), index.FileOptions{
		Layout: index.Layout{Labels: true},
		Sort:   true,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer b.Abort()
	b.Add(index.Entry{Name: []byte("owl/1.jpg"), Label: 0})
	b.Add(index.Entry{Name: []byte("ape/7.jpg"), Label: 1})
	table, err := b.Finish(index.Meta{Kind: "files", Root: "/images", Classes: []string{"owl", "ape"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer table.Close()
	for i := range table.Len() {
		e, _ := table.Entry(i, nil)
		fmt.Printf("%s is class %d, %s\n", e.Name, e.Label, table.Classes()[e.Label])
	}
	// Output:
	// ape/7.jpg is class 0, ape
	// owl/1.jpg is class 1, owl
}
