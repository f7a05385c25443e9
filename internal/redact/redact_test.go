// SPDX-License-Identifier: MIT

package redact

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestURL(t *testing.T) {
	for location, want := range map[string]string{
		"":                        "",
		"/data/images":            "/data/images",
		"a?b=c#d":                 "a?b=c#d",
		"C:\\data":                "C:\\data",
		"https://host/a.tar":      "https://host/a.tar",
		"https://host:8080/a.tar": "https://host:8080/a.tar",
		"https://[::1]:80/a":      "https://[::1]:80/a",
		"https://[::1]/a":         "https://[::1]/a",
		"s3://bucket/a@2x.tar":    "s3://bucket/a@2x.tar",
		"https://u:SECRET@host/shard-{000..127}.tar?X-Amz-Signature=SECRET": "https://host/shard-{000..127}.tar",
		"https://host-{0..3}:80/a.tar?sig=SECRET":                           "https://host-{0..3}:80/a.tar",
		"https://SECRET@host/a":                                             "https://host/a",
		"https://a@SECRET:SECRET@host/a":                                    "https://host/a",
		"azblob://c/a.tar?sv=1&sig=SECRET%3D#SECRET":                        "azblob://c/a.tar",
		"https:/u:SECRET@host/a?b=SECRET":                                   "https:/host/a",
		"c:/data?a":                                                         "c:/data?a",
		"https://host#SECRET":                                               "https://host",
		"https://u:SEC/RET@host/a":                                          "https://host/a",
		"https://u:SEC?RET@host/a?b=SECRET":                                 "https://host/a",
		"https://u:SECRET":                                                  "https://…",
		"https://u:SEC RET%zz@host/a":                                       "https://host/a",
		"HTTPS://U:SECRET@HOST/a":                                           "HTTPS://HOST/a",
	} {
		assert.Equal(t, want, URL(location), location)
		assert.Equal(t, want, URL(URL(location)), "once is enough")
		assert.Equal(t, want != location, Has(location))
	}
}

func TestText(t *testing.T) {
	for text, want := range map[string]string{
		"plain ? text # here": "plain ? text # here",
		`data.source = "https://u:SEC RET@h/a?x=SECRET": no such file`: `data.source = "https://h/a": no such file`,
		`source = 'https://h/a?x=SEC RET' # why`:                       `source = 'https://h/a' # why`,
		"two: http://u:SECRET@h/a?b=SECRET and gs://b/c?SECRET.":       "two: http://h/a and gs://b/c",
		`{"train":"https://u:SECRET@h/\"a?SECRET","k":1}`:              `{"train":"https://h/\"a","k":1}`,
		"stat s3:/u:SECRET@h/a?SECRET: none":                           "stat s3:/h/a none",
		"in C:/a?b and x:/y":                                           "in C:/a?b and x:/y",
		"see https://example.org/page":                                 "see https://example.org/page",
	} {
		assert.Equal(t, want, Text(text))
	}
}

func TestSetting(t *testing.T) {
	for word, want := range map[string]string{
		"data.source=https://u:SEC RET@h/a?x=SECRET":     "data.source=https://h/a",
		"data.source= https://u:SECRET@h/a":              "data.source=https://h/a",
		`data.source="https://u:SEC RET@h/a?x=SECRET"`:   `data.source="https://h/a"`,
		"https://u:SECRET@h/a?x=SECRET":                  "https://h/a",
		"optim.batch=3":                                  "optim.batch=3",
		"--images=https://u:SECRET@h/a?x=SECRET":         "--images=https://h/a",
		"--json":                                         "--json",
		"linear.train='s3://b/a.tar?token=SECRET&a=b c'": "linear.train='s3://b/a.tar'",
	} {
		assert.Equal(t, want, Setting(word))
	}
}

// Errors of the libraries below quote the URL as it was given.
func TestErrorsOfLibraries(t *testing.T) {
	for _, location := range []string{
		"http://user:SECRET@127.0.0.1:1/a?X-Amz-Signature=SECRET", "http://user:SECRET@host.invalid/a?sig=SECRET",
		"nowhere://user:SECRET@h/a?sig=SECRET", "http://u:SECRET@h/a?b=SECRET\x7f",
	} {
		_, err := http.Get(location) //nolint:bodyclose // there is no answer
		require.Error(t, err)
		assert.NotContains(t, Error{err}.Error(), "SECRET")
		var inner *url.Error
		assert.ErrorAs(t, Error{err}, &inner, "it can still be told by its type")
	}
	text := Without(`invalid value for query parameter "sig": "SE CRET" (SE+CRET) of user`, "s3://user:pass@bucket?sig=SE+CRET")
	assert.NotContains(t, text, "CRET")
}

func TestWriter(t *testing.T) {
	var b bytes.Buffer
	n, err := fmt.Fprintln(Writer{&b}, "at", "https://u:SECRET@h/a?b=SECRET")
	require.NoError(t, err)
	assert.Equal(t, len("at https://u:SECRET@h/a?b=SECRET\n"), n, "a writer has taken all that it was given")
	assert.Equal(t, "at https://h/a\n", b.String())
	_, err = Writer{failing{}}.Write([]byte("x"))
	assert.ErrorIs(t, err, io.ErrClosedPipe)
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func FuzzText(f *testing.F) {
	f.Add("a", "b")
	f.Add("x'\"", "\\")
	f.Fuzz(func(t *testing.T, user, query string) {
		if strings.ContainsAny(user+query, "SCRET") || strings.ContainsAny(user+query, "\n\x00") {
			t.Skip()
		}
		location := "https://" + url.UserPassword(user, "SECRET").String() + "@host/a.tar?" + url.QueryEscape(query) + "=SECRET"
		for _, text := range []string{location, fmt.Sprintf("%q", location), "at " + location + ": no", errors.New(location).Error()} {
			if strings.Contains(Text(text), "SECRET") {
				t.Fatalf("%q gives %q", text, Text(text))
			}
		}
	})
}
