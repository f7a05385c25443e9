// SPDX-License-Identifier: MIT

package config

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPatternsAreOneTextOrAList(t *testing.T) {
	for text, want := range map[string]Patterns{
		"data.members=*.jpg":                    {"*.jpg"},
		"data.members=jpg,!*.seg.jpg":           {"jpg", "!*.seg.jpg"},
		`data.members="[ab]*.jpg"`:              {"[ab]*.jpg"},
		`data.members=["*.jpg", "images/*"]`:    {"*.jpg", "images/*"},
		`data.members=""`:                       nil,
		`data.members=[]`:                       nil,
		`data.members=["", "jpg", "two words"]`: {"jpg", "two words"},
	} {
		e := valid()
		require.NoError(t, e.setOne(text), text)
		require.Equal(t, want, e.Data.Members, text)
		written, err := e.Text()
		require.NoError(t, err)
		require.EqualValues(t, want, reread(t, written).Data.Members, text)
	}
	f, err := parseFile("x.toml", "version = 1\n[data]\nmembers = 7\n")
	require.NoError(t, err)
	require.ErrorContains(t, Default().decode(f), "7 is no text")
}

// reread reads what Encode has written.
func reread(t *testing.T, text string) *Experiment {
	t.Helper()
	f, err := parseFile("written.toml", text)
	require.NoError(t, err)
	e := Default()
	require.NoError(t, e.decode(f))
	return e
}

func TestMembersAreValidated(t *testing.T) {
	for value, want := range map[string]string{
		`["[a"]`: `"[a" is no pattern`, "!": `"!" is no pattern`, "a,/": `"/" is no pattern`,
	} {
		e := valid()
		require.NoError(t, e.setOne("data.members="+value))
		_, err := e.Validate(Pretrain)
		require.ErrorContains(t, err, want)
	}
	for kind, ok := range map[string]bool{"auto": true, "folder": true, "list": true, "tar": true, "index": true, "idx": false, "urls": false} {
		e := valid()
		e.Data.Kind, e.Data.Members = kind, Patterns{"jpg", "images/*", "!*.seg.png"}
		if _, err := e.Validate(Pretrain); ok {
			require.NoError(t, err, kind)
		} else {
			require.ErrorContains(t, err, "data.members", kind)
		}
	}
}
