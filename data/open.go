// SPDX-License-Identifier: MIT

package data

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"seer/data/index"
	"seer/data/remote"
)

// Kinds are the values of [SourceSpec.Kind].
var Kinds = []string{"auto", "folder", "list", "tar", "idx", "urls", "index"}

// Open opens a source; see [OpenContext].
func Open(spec SourceSpec) (Source, error) {
	return OpenContext(context.Background(), spec)
}

// OpenContext opens the source that spec describes. A folder of millions of
// files takes a while to list: ctx can stop it and spec.Progress watch it.
func OpenContext(ctx context.Context, spec SourceSpec) (Source, error) {
	kind, err := spec.resolveKind()
	if err != nil {
		return nil, err
	}
	switch kind {
	case "idx":
		return openIDX(spec)
	case "index":
		return openIndex(spec)
	}
	scan, err := newScan(ctx, spec, kind)
	if err != nil {
		return nil, err
	}
	b := index.NewBuilder(scan.layout())
	meta, err := scan.into(b)
	if err != nil {
		return nil, err
	}
	table, err := b.Finish(meta)
	if err != nil {
		return nil, fmt.Errorf("data: %s: %w", spec.Path, err)
	}
	return newTableSource(table, spec)
}

// newTableSource reads the entries of a table from where its kind says.
func newTableSource(t *index.Table, spec SourceSpec) (Source, error) {
	list := tableSource{table: t, labels: spec.Labels, maxBytes: spec.maxFileBytes()}
	switch kind := t.Meta().Kind; kind {
	case "files":
		return &fileSource{tableSource: list, root: t.Meta().Root}, nil
	case "shards":
		shards, err := newHandles(t.Meta().Shards, spec.Cache)
		if err != nil {
			t.Close()
			return nil, err
		}
		tar := &tarSource{tableSource: list, shards: shards}
		return tar.withAhead(spec.Window), nil
	case "urls":
		return newURLSource(list, spec), nil
	default:
		t.Close()
		return nil, fmt.Errorf("data: %s: an index of kind %q; this program knows \"files\", \"shards\" and \"urls\"", spec.Path, kind)
	}
}

// openIndex opens a file that [BuildIndex] has written.
func openIndex(spec SourceSpec) (Source, error) {
	t, err := index.Open(spec.Path)
	if err != nil {
		return nil, fmt.Errorf("data: %w", err)
	}
	fail := func(format string, args ...any) (Source, error) {
		t.Close()
		return nil, fmt.Errorf("data: %s: "+format, append([]any{spec.Path}, args...)...)
	}
	if t.Len() == 0 {
		return fail("the index holds no images: build it again")
	}
	if spec.Labels && !t.Layout().Labels {
		return fail("labels are asked for, but the index was built without them: build it again with labels")
	}
	return newTableSource(t, spec)
}

// resolveKind turns "auto" into the kind that the path looks like.
func (spec *SourceSpec) resolveKind() (string, error) {
	if spec.Path == "" {
		return "", fmt.Errorf("data: the source is empty; give a folder, a list, tar shards, an IDX file or a list of URLs")
	}
	if remote.Is(spec.Path) {
		return spec.remoteKind()
	}
	if spec.Kind != "" && spec.Kind != "auto" {
		if !slices.Contains(Kinds, spec.Kind) {
			return "", fmt.Errorf("data: %s: unknown kind %q; allowed are %s", spec.Path, spec.Kind, strings.Join(Kinds, ", "))
		}
		return spec.Kind, nil
	}
	st, err := os.Stat(spec.Path)
	switch {
	case err == nil && st.IsDir():
		return kindOfFolder(spec.Path)
	case err == nil:
		return kindOfFile(spec.Path)
	case isTarName(spec.Path):
		return "tar", nil // a pattern; expanding it reports what is missing
	case isParquetName(spec.Path):
		return "urls", nil
	}
	return "", fmt.Errorf("data: source %s: %w", spec.Path, err)
}

// remoteKind allows what can be read by ranges: tar shards.
func (spec *SourceSpec) remoteKind() (string, error) {
	if spec.Kind == "tar" || spec.Kind == "" || spec.Kind == "auto" {
		path, _, _ := strings.Cut(spec.Path, "?")
		if spec.Kind == "tar" || isTarName(path) {
			return "tar", nil
		}
	}
	return "", fmt.Errorf("data: %s: only tar shards are read from URLs, s3://bucket/shard-{000..127}.tar; copy or mount other sources", remote.Name(spec.Path))
}

// kindOfFolder looks at the names in a folder: IDX files, tar shards or parquet
// files without images, and no folders beside them, are taken for what they are.
func kindOfFolder(path string) (string, error) {
	list, err := os.ReadDir(path)
	if err != nil {
		return "", fmt.Errorf("data: source: %w", err)
	}
	tars, idxs, folders, parquets, images := 0, 0, 0, 0, 0
	for _, d := range list {
		switch {
		case d.IsDir():
			folders++
		case isTarName(d.Name()):
			tars++
		case isIDXName(d.Name()):
			idxs++
		case isParquetName(d.Name()):
			parquets++
		case isImage(d.Name(), DefaultExtensions):
			images++
		}
	}
	switch {
	case folders == 0 && idxs > 0:
		return "idx", nil
	case folders == 0 && tars > 0:
		return "tar", nil
	case folders == 0 && parquets > 0 && images == 0:
		return "urls", nil
	}
	return "folder", nil
}

func kindOfFile(path string) (string, error) {
	name := strings.ToLower(filepath.Base(path))
	switch filepath.Ext(strings.TrimSuffix(name, ".gz")) {
	case ".tar":
		return "tar", nil
	case ".txt", ".lst", ".list", ".tsv":
		return listKind(path), nil
	case ".parquet":
		return "urls", nil
	case ".seeridx":
		return "index", nil
	}
	if isIDXName(name) {
		return "idx", nil
	}
	return "", fmt.Errorf("data: source %s: its kind does not show from its name; set the kind to one of %s", path, strings.Join(Kinds[1:], ", "))
}

// isTarName also holds for brace and glob patterns of tar files.
func isTarName(path string) bool { return hasEnding(path, ".tar") }

func hasEnding(path, ending string) bool { return strings.HasSuffix(strings.ToLower(path), ending) }

func isIDXName(name string) bool {
	return strings.Contains(name, "idx3-ubyte") || strings.Contains(name, "idx4-ubyte") ||
		strings.HasSuffix(name, ".idx") || strings.HasSuffix(name, ".idx.gz")
}

func (spec *SourceSpec) maxFileBytes() int64 {
	if spec.MaxFileBytes > 0 {
		return spec.MaxFileBytes
	}
	return DefaultMaxFileBytes
}

func (spec *SourceSpec) extensions() []string {
	if spec.Extensions == nil {
		return DefaultExtensions
	}
	return spec.Extensions
}
