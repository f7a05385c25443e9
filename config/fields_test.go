// SPDX-License-Identifier: MIT

package config

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Every key says in the source what it means: the comments are the reference. A
// comment may serve the fields that follow it without one of their own, as it does
// for w0, wa, wm; the sections of Experiment are documented at their types.
func TestEveryFieldIsDocumented(t *testing.T) {
	for _, name := range []string{"experiment.go", "sections.go"} {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		require.NoError(t, err)
		for _, decl := range file.Decls {
			g, ok := decl.(*ast.GenDecl)
			if !ok || g.Tok != token.TYPE {
				continue
			}
			spec := g.Specs[0].(*ast.TypeSpec)
			assert.NotEmpty(t, g.Doc.Text(), spec.Name)
			documented := ""
			for _, field := range spec.Type.(*ast.StructType).Fields.List {
				documented += field.Doc.Text()
				ident := field.Names[0].Name
				_, isSection := field.Type.(*ast.Ident)
				if spec.Name.Name == "Experiment" && isSection && field.Type.(*ast.Ident).IsExported() || ident == "Crops" {
					continue
				}
				assert.Contains(t, documented, ident, "%s.%s has no comment that names it", spec.Name, ident)
			}
		}
	}
}

// Every value can be written and read: types of the struct are types of TOML.
func TestEveryKeyCanBeSet(t *testing.T) {
	for _, key := range Keys() {
		if key == "base" || key == "version" {
			continue
		}
		e := Default()
		e.Crops, e.Optim.Rules = []Crop{{}}, []Rule{{}}
		path := strings.Replace(strings.Replace(key, "crops.", "crops.0.", 1), "optim.rules.", "optim.rules.0.", 1)
		field, err := find(reflect.ValueOf(e).Elem(), path)
		require.NoError(t, err, path)
		text := map[string]string{
			"a whole number": "3", "a number": "0.5", "true or false": "true", "a text": "word",
			"a list of 2, each a number": "0.1,0.2", "a list of 3, each a number": "0.1,0.2,0.3",
			"a list, each a text":                                                 "a,b",
			"a list, each a number":                                               "0.1,2",
			"a number, or a list of them":                                         "0.1,2",
			"a whole number, or a list of them":                                   "1,2",
			"true or false, or a list of them":                                    "true,false",
			"a list, each a whole number":                                         "1,2",
			`a layer such as "pool", "stage3:2x1" or "blocks4+mean"`:              "stage2",
			`a list, each a layer such as "pool", "stage3:2x1" or "blocks4+mean"`: "pool,stage2",
			`a size such as "200GB" or "500GiB"`:                                  "7GB",
			`a duration such as "10ep", "500it", "1e9img" or "2.5%"`:              "7it",
			`a list, each a duration such as "10ep", "500it", "1e9img" or "2.5%"`: "7it,9it",
		}[wanted(field.Type())]
		require.NotEmpty(t, text, "%s is %s", key, wanted(field.Type()))
		require.NoError(t, e.setOne(path+"="+text), path)
		assert.False(t, field.IsZero(), path)
	}
}

func TestLineOf(t *testing.T) {
	const text = `version = 1 # one
name="x"

[run]
  seed = 3
[ augment . jitter ]
p = 1
[optim]
"base_lr" = 2
[[optim.rules]]
match = "a = b"
[[optim.rules]]
adapt = true
[linear]
train_subset = {first = 3, list = "x"}
`
	for key, want := range map[string]int{
		"version": 1, "name": 2, "run": 4, "run.seed": 5, "augment.jitter": 6, "augment.jitter.p": 7,
		"optim.base_lr": 9, "optim.rules": 10, "optim.rules.match": 11, "optim.rules.adapt": 13,
		"linear.train_subset.list": 15, "nowhere": 1,
	} {
		assert.Equal(t, want, lineOf(text, key), key)
	}
}

func TestProblemTexts(t *testing.T) {
	assert.Equal(t, `run.device = "gpu": no`, Problem{"run.device", "gpu", "no"}.String())
	assert.Equal(t, "crops.0.scale = [0 1]: no", Problem{"crops.0.scale", [2]float64{0, 1}, "no"}.String())
	err := error(&Invalid{[]Problem{{"a", 1, "x"}, {"b", "c", "y"}}})
	assert.EqualError(t, err, "invalid experiment:\n  a = 1: x\n  b = \"c\": y")
	var invalid *Invalid
	assert.True(t, errors.As(err, &invalid))
}

// The plan goes into the run folder beside the experiment.
func TestPlanIsJSON(t *testing.T) {
	p, _, err := valid().Resolve(1e9, 8)
	require.NoError(t, err)
	text, err := json.Marshal(p)
	require.NoError(t, err)
	var back Resolved
	require.NoError(t, json.Unmarshal(text, &back))
	assert.Equal(t, *p, back)
	assert.Contains(t, string(text), `"peak_lr":9.6`)
}
