// SPDX-License-Identifier: MIT

package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"

	"seer/data/labelled"
)

// listed is one image of a labelled data set, for labelled.py.
type listed struct {
	Name   string
	Label  int
	Values []int8 `json:",omitempty"`
}

// listLabelled writes the classes of a data set as the first line, then a line for each image.
func listLabelled(root string, o labelled.SetOptions, out string) (err error) {
	set, err := labelled.Open(context.Background(), root, o)
	if err != nil {
		return err
	}
	defer set.Close()
	f, err := os.Create(out)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := json.NewEncoder(f)
	if err := w.Encode(set.Classes()); err != nil {
		return err
	}
	for i := range set.Len() {
		image := listed{Name: set.Name(i), Label: set.Label(i)}
		if set.MultiLabel() {
			image.Values = make([]int8, len(set.Classes()))
			set.Row(i, image.Values)
		}
		if err := w.Encode(image); err != nil {
			return err
		}
	}
	return nil
}
