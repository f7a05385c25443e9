// SPDX-License-Identifier: MIT

package source

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestExpandBraces(t *testing.T) {
	for pattern, want := range map[string][]string{
		"a.tar":            {"a.tar"},
		"s-{000..002}.tar": {"s-000.tar", "s-001.tar", "s-002.tar"},
		"s-{8..10}":        {"s-8", "s-9", "s-10"},
		"s-{08..10}":       {"s-08", "s-09", "s-10"},
		"s-{0..9..4}":      {"s-0", "s-4", "s-8"},
		"s-{0..10..5}":     {"s-0", "s-5", "s-10"},
		"{a,b}{1..2}":      {"a1", "a2", "b1", "b2"},
		"x{a,b{1..2},}y":   {"xay", "xb1y", "xb2y", "xy"},
		`\{1..2}`:          {"{1..2}"},
	} {
		got, err := expandBraces(pattern)
		require.NoError(t, err, pattern)
		require.Equal(t, want, got, pattern)
	}
	for pattern, want := range map[string]string{
		"s-{000..002.tar":          "not closed",
		"s-{5..1}":                 "no range",
		"s-{a..b}":                 "no range",
		"s-{abc}":                  "no range",
		"s-{1..5..0}":              "no range",
		"{0..9999999}":             "more than",
		"{0..2000}{0..2000}":       "more than",
		"{1..4611686018427387905}": "no range",
	} {
		_, err := expandBraces(pattern)
		require.ErrorContains(t, err, want, pattern)
	}
}

func TestExpandShards(t *testing.T) {
	dir := t.TempDir()
	touch(t, dir, "b.tar", "a.tar", "odd{1,2}.tar", "c.txt")
	at := func(names ...string) (out []string) {
		for _, n := range names {
			out = append(out, filepath.Join(dir, n))
		}
		return out
	}
	for pattern, want := range map[string][]string{
		"":             at("a.tar", "b.tar", "odd{1,2}.tar"), // the folder
		"a.tar":        at("a.tar"),
		"odd{1,2}.tar": at("odd{1,2}.tar"), // a file of that name wins
		"{b,a}.tar":    at("b.tar", "a.tar"),
		"[ab].tar":     at("a.tar", "b.tar"),
		"{a,b}*.tar":   at("a.tar", "b.tar"),
	} {
		got, _, err := expandFiles(filepath.Join(dir, pattern), ".tar")
		require.NoError(t, err, pattern)
		require.Equal(t, want, got, pattern)
	}
	_, _, err := expandFiles(filepath.Join(dir, "z*.tar"), ".tar")
	require.ErrorContains(t, err, "no file matches")
}

func FuzzExpandBraces(f *testing.F) {
	for _, s := range []string{"a{1..3}b", "{a,{b,c}}", `\{{0..9..2}`, "{"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if len(s) > 60 {
			return
		}
		if out, err := expandBraces(s); err == nil && len(out) == 0 {
			t.Fatalf("%q names nothing", s)
		}
	})
}
