// SPDX-License-Identifier: MIT

package repo

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const root = "../.."

// rule forbids imports: what begins with one of from must not depend, directly or not, on what begins with one of on.
type rule struct {
	from, on []string
	why      string
	but      []string // of on: allowed
}

// descriptions are the architectures without tensors, which files of weights are compared with.
var descriptions = []string{
	"seer/models/sketch", "seer/recompute", "seer/models/arch", "seer/models/regnet/arch", "seer/models/resnet/arch", "seer/models/vit/arch",
}

var rules = []rule{
	{append([]string{"seer/config", "seer/data", "seer/checkpoint", "seer/runfolder", "seer/inputs", "seer/footprint", "seer/optim/schedule", "seer/optim/rules", "seer/sweep", "seer/eval/featurefile", "seer/eval/retrieval"}, descriptions...),
		[]string{"seer/torch", "github.com/wangkuiyi/gotorch"}, "they are tested and used without libtorch", nil},
	{[]string{"seer/config"}, []string{"seer/data"}, "a configuration is checked without touching data", []string{"seer/data/augment"}},
	{[]string{"seer/data/source"}, []string{"seer/data/loader", "seer/data/refresh", "seer/data/sampler", "seer/data/augment"}, "an image's way through data has one direction", nil},
	{[]string{"seer/data/loader"}, []string{"seer/data/refresh"}, "an image's way through data has one direction", nil},
	{[]string{"seer/data"}, []string{"seer/config"}, "data is a library; inputs joins it to the configuration", nil},
	{[]string{"seer/torch"}, []string{"seer/nn", "seer/models", "seer/ssl", "seer/optim", "seer/train", "seer/eval"}, "torch is the lowest layer", nil},
	{[]string{"seer/nn"}, []string{"seer/models", "seer/ssl", "seer/optim", "seer/train", "seer/eval"}, "layers know no models", descriptions},
	{[]string{"seer/models", "seer/ssl", "seer/supervised", "seer/optim"}, []string{"seer/train", "seer/eval", "seer/config"}, "the method is a library", nil},
	{[]string{"seer/ssl"}, []string{"seer/models"}, "SwAV trains any trunk", nil},
	{[]string{"seer/mesh"}, []string{"seer/nn", "seer/config", "seer/data", "seer/runfolder"}, "the mesh knows processes and not what they do", nil},
	{[]string{"seer/train"}, []string{"seer/config", "seer/data", "seer/inputs", "seer/models", "seer/ssl", "seer/eval", "seer/tasks"},
		"the loop knows no method, model, configuration or source of data", descriptions},
	{[]string{"seer/train", "seer/ssl", "seer/models", "seer/optim", "seer/nn", "seer/config", "seer/data", "seer/runfolder", "seer/eval"},
		[]string{"seer/tasks"}, "tasks assemble, nothing below knows them", nil},
}

// onlyImporters may import what is named, nobody else.
var onlyImporters = map[string][]string{
	"github.com/wangkuiyi/gotorch": {"seer/torch"},
	"C":                            {"seer/torch", "seer/torch/dist", "seer/data/formats", "seer/data/jpeg"},
}

type goPackage struct {
	ImportPath string
	Imports    []string
	Deps       []string
}

func packages(t *testing.T) []goPackage {
	t.Helper()
	cmd := exec.Command("go", "list", "-e", "-json=ImportPath,Imports,Deps", "./...")
	cmd.Dir = root
	out, err := cmd.Output()
	require.NoError(t, err)
	var all []goPackage
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p goPackage
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all
		}
		require.NoError(t, err)
		all = append(all, p)
	}
}

func within(path string, prefixes []string) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool { return path == p || strings.HasPrefix(path, p+"/") })
}

func TestImportsPointOneWay(t *testing.T) {
	for _, p := range packages(t) {
		for _, r := range rules {
			if !within(p.ImportPath, r.from) {
				continue
			}
			for _, d := range p.Deps {
				assert.False(t, within(d, r.on) && !within(d, r.but), "%s depends on %s: %s", p.ImportPath, d, r.why)
			}
		}
		for _, i := range p.Imports {
			if allowed, ok := onlyImporters[i]; ok && !within(p.ImportPath, []string{"github.com"}) {
				assert.Contains(t, allowed, p.ImportPath, "%s imports %q", p.ImportPath, i)
			}
		}
	}
}

func TestRulesNamePackagesThatExist(t *testing.T) {
	var paths []string
	for _, p := range packages(t) {
		paths = append(paths, p.ImportPath)
	}
	for _, r := range rules {
		for _, name := range r.from {
			assert.True(t, slices.ContainsFunc(paths, func(p string) bool { return within(p, []string{name}) }), name)
		}
	}
}

// sources lists the tracked files with one of the extensions.
func sources(t *testing.T, extensions ...string) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() && (name == "third_party" || name == ".git" || name == "bin" || name == "runs" || name == "testdata") {
			return filepath.SkipDir
		}
		if !d.IsDir() && slices.Contains(extensions, filepath.Ext(name)) {
			files = append(files, path)
		}
		return nil
	})
	require.NoError(t, err)
	return files
}

func TestEveryFileNamesItsLicense(t *testing.T) {
	for _, path := range sources(t, ".go", ".c", ".h", ".cc", ".py", ".sh") {
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		head := data[:min(len(data), 200)]
		assert.Contains(t, string(head), "SPDX-License-Identifier: MIT", path)
	}
}

func TestEveryPackageIsDocumentedOnce(t *testing.T) {
	docs := map[string]int{}
	for _, path := range sources(t, ".go") {
		dir := filepath.Dir(path)
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.PackageClauseOnly|parser.ParseComments)
		require.NoError(t, err)
		if f.Doc != nil {
			docs[dir]++
		} else {
			docs[dir] += 0
		}
	}
	for dir, n := range docs {
		assert.Equal(t, 1, n, "%s: package comments", dir)
	}
}

func TestModuleHasNoReplace(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(root, "go.mod"))
	require.NoError(t, err)
	assert.NotContains(t, string(data), "replace", "go.work replaces gotorch, so that go.mod works for everybody")
}

// Figures and paths of somebody's machine do not belong into the repository.
func TestNoPathsOfAMachine(t *testing.T) {
	for _, path := range sources(t, ".go", ".c", ".h", ".cc", ".py", ".sh", ".md", ".toml") {
		if strings.HasSuffix(path, "repo_test.go") {
			continue
		}
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		for _, bad := range []string{"/work/", "/root/", "/home/"} {
			assert.NotContains(t, string(data), bad, path)
		}
	}
}

// writers may make files in their own way: what they write is a lock, a cache with sums of its own, a log, or a tool's.
var writers = []string{
	"internal/durable", "runfolder/lock.go", "tasks/launch/ranks.go", "data/remote", "cmd/seer/probe.go", "eval/featurefile/pending.go", "data/datatest", "tools",
}

// Whatever a user asks for is written beside its name, synced and renamed, in one place.
func TestFilesAreWrittenByDurable(t *testing.T) {
	for _, path := range sources(t, ".go") {
		if strings.HasSuffix(path, "_test.go") || within(strings.TrimPrefix(path, root+"/"), writers) {
			continue
		}
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		for _, call := range []string{"os.Create(", "os.WriteFile(", "os.O_WRONLY", "os.O_RDWR", "os.O_CREATE"} {
			assert.False(t, bytes.Contains(data, []byte(call)), "%s has %s: use internal/durable", path, call)
		}
	}
}

// The Go tools see no dead code behind the border of C.
func TestEveryFunctionOfTheShimIsCalled(t *testing.T) {
	header, err := os.ReadFile(filepath.Join(root, "torch/shim/ct.h"))
	require.NoError(t, err)
	var calls strings.Builder
	files, err := filepath.Glob(filepath.Join(root, "torch/*.go"))
	require.NoError(t, err)
	more, err := filepath.Glob(filepath.Join(root, "torch/dist/*.go"))
	require.NoError(t, err)
	for _, file := range append(files, more...) {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		calls.Write(text)
	}
	for _, match := range regexp.MustCompile(`\b(ct_\w+)\(|\b(CT_[A-Z0-9_]+)[,\s]`).FindAllStringSubmatch(string(header), -1) {
		name := match[1] + match[2]
		if name != "CT_MAX_DIMS" { // a bound that both sides of the border are compiled with
			assert.Contains(t, calls.String(), "C."+name, "torch/shim/ct.h declares it")
		}
	}
}
