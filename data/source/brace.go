// SPDX-License-Identifier: MIT

package source

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"seer/data/remote"
)

// maxExpansion bounds the number of files a pattern may name: more is a typing
// error, and would fill the memory before anything could say so.
const maxExpansion = 1 << 20

// expandFiles turns a file, a folder of files with an ending, a brace pattern
// (shard-{000..127}.tar, {a,b}.tar) or a glob (*.tar) into files, in order. Of a
// folder it also counts what else lies in it.
func expandFiles(pattern, end string) (files []string, beside counts, err error) {
	if remote.Is(pattern) {
		files, err = expandBraces(pattern) // a question mark begins the query, and no store is listed
		return files, nil, err
	}
	if st, err := os.Stat(pattern); err == nil {
		if st.IsDir() {
			return filesIn(pattern, end)
		}
		return []string{pattern}, nil, nil
	}
	names, err := expandBraces(pattern)
	if err != nil {
		return nil, nil, fmt.Errorf("data: files %s: %w", pattern, err)
	}
	for _, name := range names {
		if !strings.ContainsAny(name, "*?[") {
			files = append(files, name) // whether it exists shows when it is read
			continue
		}
		found, err := glob(name)
		if err != nil {
			return nil, nil, fmt.Errorf("data: files %s: %w", name, err)
		}
		if len(found) == 0 {
			return nil, nil, fmt.Errorf("data: no file matches %s", name)
		}
		files = append(files, found...)
	}
	return files, nil, nil
}

// glob leaves out hidden files, as shells do.
func glob(pattern string) ([]string, error) {
	found, err := filepath.Glob(pattern)
	if !strings.HasPrefix(filepath.Base(pattern), ".") {
		found = slices.DeleteFunc(found, func(name string) bool { return strings.HasPrefix(filepath.Base(name), ".") })
	}
	slices.Sort(found)
	return found, err
}

// filesIn lists the files of a folder with an ending, in whatever case.
func filesIn(folder, end string) (files []string, beside counts, err error) {
	entries, err := readFolder(folder)
	if err != nil {
		return nil, nil, fmt.Errorf("data: source: %w", err)
	}
	beside = counts{}
	for _, e := range entries {
		switch {
		case e.why != "":
			beside.add(e.why, e.name)
		case e.dir:
			beside.add("folders", e.name)
		case hasEnding(e.name, end):
			files = append(files, filepath.Join(folder, e.name))
		case hasEnding(e.name, end+sideEnding): // the index beside a shard
		default:
			beside.add(ending(e.name), e.name)
		}
	}
	if len(files) == 0 {
		found := "it is empty"
		if len(beside) > 0 {
			found = "found: " + beside.text(5, false)
		}
		return nil, nil, fmt.Errorf("data: no file matches *%s in the folder %s (%s)", end, folder, found)
	}
	return files, beside, nil
}

// expandBraces expands the first brace of a pattern, then the rest, as shells
// and WebDataset do. Braces may be nested; a backslash keeps one.
func expandBraces(pattern string) ([]string, error) {
	open := findUnescaped(pattern, '{')
	if open < 0 {
		return []string{strings.ReplaceAll(pattern, `\{`, `{`)}, nil
	}
	parts, end, err := splitBrace(pattern[open:])
	if err != nil {
		return nil, err
	}
	if len(parts) == 1 {
		if parts, err = expandRange(parts[0]); err != nil {
			return nil, err
		}
	}
	var out []string
	for _, p := range parts {
		more, err := expandBraces(pattern[:open] + p + pattern[open+end:])
		if err != nil {
			return nil, err
		}
		if out = append(out, more...); len(out) > maxExpansion {
			return nil, fmt.Errorf("the pattern names more than %d files", maxExpansion)
		}
	}
	return out, nil
}

func findUnescaped(s string, c byte) int {
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case c:
			return i
		}
	}
	return -1
}

// splitBrace splits "{a,b}rest" at the commas of its first level and returns
// the position behind the closing brace.
func splitBrace(s string) (parts []string, end int, err error) {
	depth, from := 0, 1
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '{':
			depth++
		case ',':
			if depth == 1 {
				parts = append(parts, s[from:i])
				from = i + 1
			}
		case '}':
			if depth--; depth == 0 {
				return append(parts, s[from:i]), i + 1, nil
			}
		}
	}
	return nil, 0, fmt.Errorf("the brace in %q is not closed", s)
}

// expandRange expands "000..127" or "0..100..10"; zeros in front set the width.
func expandRange(s string) ([]string, error) {
	fields := strings.Split(s, "..")
	bad := fmt.Errorf("{%s} is no range; write {000..127}, {0..100..10} or {a,b}", s)
	if len(fields) != 2 && len(fields) != 3 {
		return nil, bad
	}
	step := "1"
	if len(fields) == 3 {
		step = fields[2]
	}
	from, err1 := strconv.ParseUint(fields[0], 10, 62)
	to, err2 := strconv.ParseUint(fields[1], 10, 62)
	by, err3 := strconv.ParseUint(step, 10, 62)
	if err1 != nil || err2 != nil || err3 != nil || by == 0 || to < from {
		return nil, bad
	}
	if (to-from)/by >= maxExpansion {
		return nil, fmt.Errorf("{%s} names more than %d files", s, maxExpansion)
	}
	width := 0
	for _, f := range fields[:2] {
		if len(f) > 1 && f[0] == '0' { // a 0 alone is a number like any other
			width = max(len(fields[0]), len(fields[1]))
		}
	}
	var out []string
	for v := from; v <= to; v += by {
		out = append(out, fmt.Sprintf("%0*d", width, v))
	}
	return out, nil
}
