// SPDX-License-Identifier: MIT

package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestFlagsMayStandBehindArguments(t *testing.T) {
	for typed, want := range map[string]string{
		"seer pretrain a.toml --set k=v":           "seer pretrain --set k=v a.toml",
		"seer pretrain a.toml -s k=v --set=l=w":    "seer pretrain -s k=v --set=l=w a.toml",
		"seer pretrain a.toml --resume=false b":    "seer pretrain --resume=false a.toml b",
		"seer bench step --json --batch 4":         "seer bench step --json --batch 4",
		"seer pretrain a.toml -- --set":            "seer pretrain a.toml -- --set",
		"seer --version":                           "seer --version",
		"seer pretrain --set k=v a.toml --unknown": "seer pretrain --set k=v --unknown a.toml",
	} {
		assert.Equal(t, want, strings.Join(flagsFirst(app(), strings.Fields(typed)), " "))
	}
}
