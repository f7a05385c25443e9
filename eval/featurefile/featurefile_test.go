// SPDX-License-Identifier: MIT

package featurefile_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/require"

	"seer/checkpoint"
	"seer/eval/featurefile"
	"seer/internal/npy"
)

const width = 5

// row is what image i has for features.
func row(i int64) (values []float32) {
	for j := range width {
		values = append(values, float32(i)+float32(j)/8)
	}
	return values
}

// add appends images from to end, all but every seventh, as batches of three.
func add(t *testing.T, p *featurefile.Pending, from, end int64) {
	t.Helper()
	bad := p.State().Bad
	for at := from; at < end; at += 3 {
		var images []int64
		var values []float32
		for i := at; i < min(at+3, end); i++ {
			if i%7 == 6 {
				bad++
				continue
			}
			images, values = append(images, i), append(values, row(i)...)
		}
		require.NoError(t, p.Append(images, values, min(at+3, end), bad))
	}
}

func all(t *testing.T, p *featurefile.Pending) (images []int64, values []float32) {
	t.Helper()
	require.NoError(t, p.Each(func(numbers []int64, rows []float32) error {
		images, values = append(images, numbers...), append(values, rows...)
		return nil
	}))
	return images, values
}

func open(t *testing.T, out, key string) *featurefile.Pending {
	t.Helper()
	p, err := featurefile.Open(out, key, width)
	require.NoError(t, err)
	return p
}

// A process that ends anywhere goes on behind the last sync and has the rows of one that did not end.
func TestPendingFeaturesSurviveTheEndOfTheirProcess(t *testing.T) {
	whole := open(t, filepath.Join(t.TempDir(), "whole.npy"), "key")
	add(t, whole, 0, 90)
	wantImages, wantValues := all(t, whole)
	require.NoError(t, whole.Drop())

	out := filepath.Join(t.TempDir(), "x.npy")
	p := open(t, out, "key")
	add(t, p, 0, 30)
	require.NoError(t, p.Sync())
	add(t, p, 30, 60) // is written, and its sync never comes
	killed(t, out)

	p = open(t, out, "key")
	require.Equal(t, featurefile.State{Key: "key", Position: 30, Bad: 4, Rows: 26}, p.State())
	add(t, p, 30, 60)
	require.NoError(t, p.Keep())
	p = open(t, out, "key")
	require.EqualValues(t, 60, p.State().Position)
	add(t, p, 60, 90)
	images, values := all(t, p)
	require.Equal(t, wantImages, images)
	require.Equal(t, wantValues, values)
	require.NoError(t, p.Drop())
	require.NoDirExists(t, featurefile.Dir(out))
}

// killed frees the lock of a folder as the end of a process does: its files are moved to a new folder.
func killed(t *testing.T, out string) {
	t.Helper()
	dir := featurefile.Dir(out)
	require.NoError(t, os.Rename(dir, dir+".old"))
	require.NoError(t, os.Mkdir(dir, 0o755))
	files, err := os.ReadDir(dir + ".old")
	require.NoError(t, err)
	for _, f := range files {
		content, err := os.ReadFile(filepath.Join(dir+".old", f.Name()))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, f.Name()), content, 0o644))
	}
}

func TestOtherFeaturesBeginAnew(t *testing.T) {
	for name, spoil := range map[string]func(dir string) error{
		"another key": func(string) error { return nil },
		"cut rows":    func(dir string) error { return os.Truncate(filepath.Join(dir, "rows.f32"), 40) },
		"cut numbers": func(dir string) error { return os.Truncate(filepath.Join(dir, "images.i64"), 8) },
		"no state":    func(dir string) error { return os.Remove(filepath.Join(dir, "state.json")) },
		"broken":      func(dir string) error { return os.WriteFile(filepath.Join(dir, "state.json"), []byte("{"), 0o644) },
		"nonsense": func(dir string) error {
			text, _ := json.Marshal(featurefile.State{Key: "key", Position: -4, Rows: -9})
			return os.WriteFile(filepath.Join(dir, "state.json"), text, 0o644)
		},
	} {
		out := filepath.Join(t.TempDir(), "x.npy")
		p := open(t, out, "key")
		add(t, p, 0, 30)
		require.NoError(t, p.Keep())
		require.NoError(t, spoil(featurefile.Dir(out)))
		key := map[bool]string{true: "other", false: "key"}[name == "another key"]
		p = open(t, out, key)
		require.Equal(t, featurefile.State{Key: key}, p.State(), name)
		images, _ := all(t, p)
		require.Empty(t, images)
		require.NoError(t, p.Drop())
	}
}

func TestOneProcessAtATime(t *testing.T) {
	out := filepath.Join(t.TempDir(), "x.npy")
	p := open(t, out, "key")
	defer p.Drop()
	_, err := featurefile.Open(out, "key", width)
	require.ErrorContains(t, err, "x.npy.partial: another process computes these features")
}

func TestRowsMustBeWhole(t *testing.T) {
	p := open(t, filepath.Join(t.TempDir(), "x.npy"), "key")
	defer p.Drop()
	require.ErrorContains(t, p.Append([]int64{0, 1}, make([]float32, 9), 2, 0), "9 values for 2 images: 5 are needed for each")
}

// All formats hold the same rows, one column or several.
func TestFormats(t *testing.T) {
	const rows = 10_000 // more than a chunk of reading, and a row group of parquet
	dir := t.TempDir()
	p := open(t, filepath.Join(dir, "x"), "key")
	defer p.Drop()
	for i := range int64(rows) {
		require.NoError(t, p.Append([]int64{i}, row(i), i+1, 0))
	}
	table := featurefile.Table{
		Columns: []featurefile.Column{{Name: "stage3:1x2", Width: 2}, {Name: "pool", Width: 3}},
		Name:    func(i int64) string { return fmt.Sprintf("a\n%d.jpg", i) }, Metadata: map[string]string{"arch": "small"},
	}
	for _, ending := range featurefile.Endings {
		require.NoError(t, p.Export(filepath.Join(dir, "f"+ending), table))
		for _, path := range featurefile.Files(filepath.Join(dir, "f"+ending), table.Columns) {
			require.FileExists(t, path)
		}
		names, err := os.ReadFile(filepath.Join(dir, "f.txt"))
		if ending != ".parquet" {
			require.NoError(t, err)
			require.Contains(t, string(names), "a\\n9999.jpg\n")
		}
	}
	tensors, meta, err := checkpoint.ReadSafetensors(filepath.Join(dir, "f.safetensors"))
	require.NoError(t, err)
	require.Equal(t, "small", meta["arch"])
	columns := map[string][]float32{}
	for _, x := range tensors {
		values, err := x.Float32()
		require.NoError(t, err)
		require.EqualValues(t, rows, x.Shape[0])
		columns[x.Name] = values
	}
	require.Equal(t, row(9)[:2], columns["stage3:1x2"][18:20])
	require.Equal(t, row(9)[2:], columns["pool"][27:30])
	for name, file := range map[string]string{"stage3:1x2": "f.stage3-1x2.npy", "pool": "f.pool.npy"} {
		f, err := npy.Open(filepath.Join(dir, file))
		require.NoError(t, err)
		var values []float32
		require.NoError(t, f.Each(func(v []float32) error { values = append(values, v...); return nil }))
		require.NoError(t, f.Close())
		require.Equal(t, columns[name], values)
	}
	type record struct {
		Image string    `parquet:"image"`
		Pool  []float32 `parquet:"pool,list"`
		Stage []float32 `parquet:"stage3:1x2,list"`
	}
	records, err := parquet.ReadFile[record](filepath.Join(dir, "f.parquet"))
	require.NoError(t, err)
	require.Len(t, records, rows)
	require.Equal(t, record{"a\n9.jpg", row(9)[2:], row(9)[:2]}, records[9])
	var pool []float32
	for _, r := range records {
		pool = append(pool, r.Pool...)
	}
	require.Equal(t, columns["pool"], pool)
}

func TestFilesOfOneColumn(t *testing.T) {
	one := []featurefile.Column{{Name: "features", Width: 3}}
	require.Equal(t, []string{"a/x.npy", "a/x.txt"}, featurefile.Files("a/x.npy", one))
	require.Equal(t, []string{"a/x.parquet"}, featurefile.Files("a/x.parquet", one))
	require.Equal(t, []string{"a/x.safetensors", "a/x.txt"}, featurefile.Files("a/x.safetensors", one))
}
