// SPDX-License-Identifier: MIT

package index

import (
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// The bytes of the format: files must stay readable by later versions.
func TestRecordBytes(t *testing.T) {
	l := Layout{Labels: true, Spans: true}
	first := Entry{Name: []byte("a/1.jpg"), Label: 3, Shard: 0, Offset: 512, Length: 100}
	for _, c := range []struct {
		name       string
		layout     Layout
		prev, next Entry
		want       string
	}{
		{"a name", Layout{}, Entry{}, first, "00" + "07" + hex.EncodeToString([]byte("a/1.jpg"))},
		{"a shared prefix", Layout{}, first, Entry{Name: []byte("a/2.jpg")}, "02" + "05" + hex.EncodeToString([]byte("2.jpg"))},
		{"the same name", Layout{}, first, first, "0700"},
		{"a longer name", Layout{}, first, Entry{Name: []byte("a/1.jpg.gz")}, "0703" + hex.EncodeToString([]byte(".gz"))},
		{"no label", Layout{Labels: true}, first, Entry{Name: []byte("a/1.jpg"), Label: -1}, "0700" + "00"},
		{"label 200", Layout{Labels: true}, first, Entry{Name: []byte("a/1.jpg"), Label: 200}, "0700" + "c901"},
		// 512 after 0 is zigzag 1024; 1024 after 612 is 412, zigzag 824.
		{"the first span", l, Entry{}, first, "0007" + hex.EncodeToString([]byte("a/1.jpg")) + "00" + "8008" + "64" + "04"},
		{"the next span", l, first, Entry{Name: first.Name, Label: 3, Offset: 1024, Length: 5}, "0700" + "00" + "b806" + "05" + "04"},
		{"a span before", l, first, Entry{Name: first.Name, Label: 3, Offset: 512, Length: 5}, "0700" + "00" + "c701" + "05" + "04"},
		{"another shard", l, first, Entry{Name: first.Name, Label: 3, Shard: 2, Offset: 512, Length: 5}, "0700" + "02" + "8008" + "05" + "04"},
	} {
		got := appendRecord(nil, c.layout, &c.prev, &c.next)
		require.Equal(t, c.want, hex.EncodeToString(got), c.name)
	}
}

func TestFileBytes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.idx")
	b, err := Create(path, FileOptions{Layout: Layout{Labels: true}})
	require.NoError(t, err)
	require.NoError(t, b.Add(Entry{Name: []byte("a"), Label: 0}))
	require.NoError(t, b.Add(Entry{Name: []byte("ab"), Label: 1}))
	tab, err := b.Finish(Meta{Kind: "files", Root: "/r"})
	require.NoError(t, err)
	require.NoError(t, tab.Close())
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "534545524944580101000000100000000200000000000000080000000000000008000000000000001c00000000000000", hex.EncodeToString(raw[:48]))
	require.Equal(t, tab.Fingerprint(), hex.EncodeToString(raw[48:80]))
	require.Equal(t, "0001610101016202"+"0000000000000000", hex.EncodeToString(raw[128:144]))
	require.Equal(t, `{"kind":"files","root":"/r"}`, string(raw[144:172]))
}

// The fingerprint is in checkpoints: a change makes every run believe that its
// data have changed.
func TestFingerprintGoldenValue(t *testing.T) {
	b := NewBuilder(Layout{Labels: true, Spans: true})
	require.NoError(t, b.Add(Entry{Name: []byte("a.jpg"), Label: 1, Offset: 512, Length: 7}))
	tab, err := b.Finish(Meta{Kind: "shards", Shards: []Shard{{Path: "/data/0.tar"}}, Classes: []string{"ape", "owl"}})
	require.NoError(t, err)
	require.Equal(t, "005e01dfbf02f796ba34fbb61968f4abc1abddaab21cdcbb6a7251e21411a40e", tab.Fingerprint())
}

func TestReadRecordRefusesNonsense(t *testing.T) {
	l := Layout{Labels: true, Spans: true}
	for name, text := range map[string]string{
		"nothing":                    "",
		"a prefix of no name":        "0101" + "61",
		"a name that is cut":         "0005" + "6161",
		"an empty name":              "0000" + "000000" + "00",
		"a varint that is cut":       "00016180",
		"a varint that is too long":  "000161" + "ffffffffffffffffffff01" + "0000" + "00",
		"an offset below zero":       "000161" + "00" + "01" + "00" + "00",
		"a length beyond 63 bits":    "000161" + "00" + "00" + "ffffffffffffffffff01" + "00",
		"the label is missing":       "000161" + "000000",
		"a label beyond 31 bits":     "000161" + "000000" + "ffffffff0f",
		"a name longer than allowed": "00" + "818004" + "61",
	} {
		src, err := hex.DecodeString(text)
		require.NoError(t, err, name)
		_, err = readRecord(src, l, &Entry{})
		require.ErrorIs(t, err, errRecord, name)
	}
}
