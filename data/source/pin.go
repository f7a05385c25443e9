// SPDX-License-Identifier: MIT

package source

import (
	"context"
	"fmt"
	"io"
	"os"

	"seer/internal/durable"
)

// Pin writes the list of images as it is now to path, for [Open]. An index that others keep up to date
// by replacing it is pinned by a second name for the file, or by a copy.
func Pin(ctx context.Context, spec Location, path string) error {
	kind, err := spec.resolveKind()
	if err != nil {
		return err
	}
	if kind != "index" || len(spec.Members) > 0 {
		_, err := BuildIndex(ctx, spec, path, IndexOptions{})
		return err
	}
	if os.Link(spec.Path, path) == nil {
		return nil
	}
	st, err := os.Stat(spec.Path)
	if err == nil {
		// As private as the original.
		err = durable.WriteFileOn(durable.Disk, path, st.Mode().Perm(), func(w io.Writer) error { return copyFile(w, spec.Path) })
	}
	if err != nil {
		return fmt.Errorf("data: snapshot of %s: %w", spec.Path, err)
	}
	return nil
}

func copyFile(to io.Writer, path string) error {
	from, err := os.Open(path)
	if err != nil {
		return err
	}
	defer from.Close()
	_, err = io.Copy(to, from)
	return err
}
