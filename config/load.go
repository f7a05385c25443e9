// SPDX-License-Identifier: MIT

package config

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"

	"seer/internal/nearest"
)

// maxBases is how many files may stand under one: a recipe, its family's base, and
// a common one. More would hide what a run is.
const maxBases = 2

// file is one TOML file of a chain.
type file struct {
	path string
	text string
	base string
	has  func(key ...string) bool // whether it defines a key
}

// Load reads an experiment: the defaults, then the chain of base files, the file
// itself and the overrides, each "table.key=value". It does not validate: that
// needs to know what the experiment is for.
//
// A base gives everything but name and run.dir, so that two experiments over the
// same base do not write into one folder.
func Load(path string, sets []string) (*Experiment, error) {
	if path == "" {
		return nil, errors.New("which experiment? The name of its file is empty")
	}
	chain, err := readChain(path)
	if err != nil {
		return nil, err
	}
	e := Default()
	for _, f := range chain {
		e.Name, e.Run.Dir = "", ""
		if err := e.decode(f); err != nil {
			return nil, err
		}
	}
	e.Base = ""
	if err := e.Set(sets); err != nil {
		return nil, err
	}
	if e.Name == "" {
		e.Name = strings.TrimSuffix(filepath.Base(path), ".toml")
	}
	e.fill()
	return e, nil
}

// readChain reads a file and those it is based on, the lowest base first.
func readChain(path string) ([]file, error) {
	var chain []file
	var seen []string
	for path != "" {
		absolute, err := filepath.Abs(path)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if slices.Contains(seen, absolute) {
			return nil, fmt.Errorf("%s: base = %q leads back to %s; a file cannot be its own base", chain[0].path, chain[0].base, path)
		}
		if len(chain) > maxBases {
			return nil, fmt.Errorf("%s: base = %q is one level too deep; at most %d bases may stand under a file", chain[0].path, chain[0].base, maxBases)
		}
		seen = append(seen, absolute)
		f, err := readFile(path)
		if err != nil && len(chain) > 0 {
			return nil, fmt.Errorf("%s: base = %q: %w; a base is looked for beside the file that names it", chain[0].path, chain[0].base, err)
		}
		if err != nil {
			return nil, err
		}
		chain = append([]file{f}, chain...)
		path = ""
		if f.base != "" {
			path = f.base
			if !filepath.IsAbs(path) {
				path = filepath.Join(filepath.Dir(f.path), f.base)
			}
		}
	}
	return chain, nil
}

// readFile reads one file far enough to know its base and its version.
func readFile(path string) (file, error) {
	f, err := os.Open(path)
	if err != nil {
		return file{}, fmt.Errorf("read experiment: %w%s", err, nearFile(path))
	}
	defer f.Close()
	if st, err := f.Stat(); err == nil && st.IsDir() {
		return file{}, fmt.Errorf("read experiment: %s is a folder%s", path, filesIn(path))
	}
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return file{}, fmt.Errorf("read experiment: %w", err)
	}
	if len(text) > maxFile {
		return file{}, fmt.Errorf("%s: is over %d KiB: no experiment is; name a TOML file", path, maxFile>>10)
	}
	return parseFile(path, string(text))
}

// maxFile bounds what is read of a file that is no experiment.
const maxFile = 1 << 20

// nearFile names the experiment that was probably meant by a name that is not there, and says what a shell would have
// replaced in it.
func nearFile(path string) string {
	hint := unexpanded(path)
	var names []string
	dir := filepath.Dir(path)
	found, _ := filepath.Glob(filepath.Join(escape(dir), "*.toml"))
	for _, name := range found {
		names = append(names, filepath.Base(name))
	}
	base := strings.TrimSuffix(filepath.Base(path), ".toml") + ".toml"
	if near := nearest.Names(base, names, 2); len(near) > 0 {
		for i := range near {
			near[i] = filepath.Join(dir, near[i])
		}
		return hint + "; nearest: " + strings.Join(near, ", ")
	}
	return hint
}

// filesIn suggests an experiment of a folder that was given in its place.
func filesIn(dir string) string {
	found, _ := filepath.Glob(filepath.Join(escape(dir), "*.toml"))
	if len(found) == 0 {
		return ": name a TOML file"
	}
	return ": name a file in it, such as " + found[0]
}

// escape keeps a folder's name from being a pattern.
func escape(path string) string {
	return strings.NewReplacer(`*`, `\*`, `?`, `\?`, `[`, `\[`, `\`, `\\`).Replace(path)
}

func parseFile(path, text string) (file, error) {
	var head struct {
		Version *int
		Base    string
	}
	md, err := toml.Decode(text, &head)
	if err != nil {
		return file{}, located(path, err)
	}
	if head.Version == nil {
		return file{}, fmt.Errorf("%s: version is missing; add the line version = %d at the top", path, Version)
	}
	if *head.Version != Version {
		return file{}, fmt.Errorf("%s:%d: version = %d is not known; this program reads version %d", path, lineOf(text, "version"), *head.Version, Version)
	}
	return file{path: path, text: text, base: head.Base, has: md.IsDefined}, nil
}

// decode lays a file over the experiment. Arrays of tables are replaced as a whole:
// merging them entry by entry would make crops of two recipes into none.
func (e *Experiment) decode(f file) error {
	if f.has("crops") {
		e.Crops = nil
	}
	if f.has("optim", "rules") {
		e.Optim.Rules = nil
	}
	md, err := toml.Decode(f.text, e)
	if err != nil {
		return located(f.path, err)
	}
	var problems []error
	for _, key := range unknown(md.Keys()) {
		problems = append(problems, fmt.Errorf("%s:%d: %s: unknown key%s", f.path, lineOf(f.text, key), key, suggest(key)))
	}
	for key, seed := range map[string]uint64{"run.seed": e.Run.Seed, "data.subset.seed": e.Data.Subset.Seed} {
		if seed > math.MaxInt64 { // a negative one, of which the library makes this
			problems = append(problems, fmt.Errorf("%s:%d: %s = %d: must be 0 or more", f.path, lineOf(f.text, key), key, int64(seed)))
		}
	}
	return errors.Join(problems...)
}

// unknown returns the keys that are neither a key nor a table of an Experiment, and
// of an unknown table only itself. Names must be exact: the library would take
// "Batch" for "batch", and of both in one file either.
func unknown(keys []toml.Key) []string {
	known := map[string]bool{}
	for _, key := range Keys() {
		for i := range key {
			if key[i] == '.' {
				known[key[:i]] = true
			}
		}
		known[key] = true
	}
	var names []string
	for _, key := range keys {
		name := key.String()
		inside := slices.ContainsFunc(names, func(n string) bool {
			return name == n || strings.HasPrefix(name, n+".")
		})
		if !known[name] && !inside {
			names = append(names, name)
		}
	}
	return names
}

// typeError is the form of the library's errors that are no ParseError.
var typeError = regexp.MustCompile(`^toml: line (\d+) \(last key "(.*?)"\): (.*)$`)

// located turns an error of the TOML library into "file:line: key: message".
func located(path string, err error) error {
	var parse toml.ParseError
	if m := typeError.FindStringSubmatch(err.Error()); m != nil {
		hint := ""
		if !strings.Contains(m[3], "already been defined") {
			hint = wantedFor(m[2])
		}
		return fmt.Errorf("%s:%s: %s: %s%s", path, m[1], m[2], strings.TrimSuffix(m[3], "."), hint)
	}
	if errors.As(err, &parse) {
		return fmt.Errorf("%s:%d: %s", path, parse.Position.Line, parse.Message)
	}
	return fmt.Errorf("%s: %w", path, err)
}

// wantedFor says what a key holds, where a value of another type was found.
func wantedFor(key string) string {
	t := reflect.TypeFor[Experiment]()
	for part := range strings.SplitSeq(key, ".") {
		inner := tableOf(t)
		if inner == nil {
			return ""
		}
		i := slices.IndexFunc(reflect.VisibleFields(inner), func(f reflect.StructField) bool { return keyName(f) == part })
		if i < 0 {
			return ""
		}
		t = inner.Field(i).Type
	}
	if tableOf(t) != nil && t.Kind() == reflect.Struct {
		return "; wanted is a table with " + strings.Join(keysOf(t, ""), ", ")
	}
	return "; wanted is " + wanted(t)
}

// lineOf finds the line a dotted key stands on, for messages: the library keeps
// positions to itself for keys it did not decode. A key within an inline table is
// found by the table's line. It is 1 when nothing fits.
func lineOf(text, key string) int {
	table, best, bestLength := "", 1, 0
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		name, isKey := "", false
		if strings.HasPrefix(line, "[") {
			header, _, _ := strings.Cut(strings.TrimLeft(line, "["), "]")
			table = plainKey(header)
			name = table
		} else if name, _, isKey = strings.Cut(line, "="); isKey {
			name = strings.TrimPrefix(table+"."+plainKey(name), ".")
		}
		if name == key {
			return i + 1
		}
		if isKey && strings.HasPrefix(key, name+".") && len(name) > bestLength {
			best, bestLength = i+1, len(name)
		}
	}
	return best
}

// plainKey removes the spaces and quotes TOML allows in a key.
func plainKey(key string) string {
	return strings.NewReplacer(" ", "", "\t", "", `"`, "", "'", "").Replace(key)
}
