// SPDX-License-Identifier: MIT

package config

import (
	"testing"

	"seer/internal/testrand"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParseBytes(t *testing.T) {
	for text, want := range map[string]Bytes{
		"200GB": 200e9, "1TB": 1e12, "1.5TB": 1.5e12, "500GiB": 500 << 30, "64MiB": 64 << 20, "2TiB": 2 << 40,
		"300MB": 300e6, "17B": 17, "1e3GB": 1e12, "200 GB": 200e9,
	} {
		got, err := ParseBytes(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, got, text)
	}
}

func TestParseBytesErrors(t *testing.T) {
	for text, want := range map[string]string{
		"": "it has no unit", "200": "it has no unit", "200G": "it has no unit", "200gb": "it has no unit",
		"GB": "not a number", "20 GB GB": "not a number", "2kB": "not a number", "0GB": "not between",
		"-1GB": "not between", "1e30TB": "not between", "NaNGB": "not between", "InfGB": "not between", "0.5B": "not between",
	} {
		_, err := ParseBytes(text)
		assert.ErrorContains(t, err, want, text)
		assert.ErrorContains(t, err, `"200GB"`, "the message shows the forms")
	}
}

func TestBytesText(t *testing.T) {
	for text, want := range map[string]string{
		"200GB": "200GB", "1000GB": "1TB", "1024GiB": "1TiB", "1500MB": "1.5GB", "500GiB": "500GiB", "1B": "1B",
	} {
		b, err := ParseBytes(text)
		require.NoError(t, err)
		assert.Equal(t, want, b.String())
	}
	assert.Empty(t, Bytes(0).String())
	random := testrand.New(t)
	for range 1000 {
		b := Bytes(random.Int64N(1 << 50))
		again, err := ParseBytes(b.String())
		require.NoError(t, err)
		assert.Equal(t, b, again)
	}
	var b Bytes = 5
	require.NoError(t, b.UnmarshalText(nil))
	assert.Zero(t, b)
}
