// SPDX-License-Identifier: MIT

// Package redact takes the secrets out of URLs before anybody sees them: user and password, and the query and fragment,
// where signatures and tokens stand. Terminals, logs, results and errors all go through it, so that there is one place
// that can be right or wrong.
package redact

import (
	"io"
	"net/url"
	"regexp"
	"strings"
)

var (
	// One slash is left where a path was cleaned.
	scheme = regexp.MustCompile(`^(?:[A-Za-z][A-Za-z0-9+.-]*://|(?i:https?|ftp|s3|gs|azblob):/)`)
	// inText is a URL in a text: in quotes all of them, else up to what no URL holds.
	inText = regexp.MustCompile(strings.ReplaceAll("\"@(?:[^\"\\\\\n]|\\\\.)*\"|'@[^'\n]*'|@[^\\s\"'<>`]*", "@", `(?:[A-Za-z][A-Za-z0-9+.-]*://|\b(?i:https?|ftp|s3|gs|azblob):/)`))
	digits = regexp.MustCompile(`^[0-9]*$`)
)

// URL is a location without its secrets. What is no URL, such as a path, stays as it is.
//
// It works on the text: a URL that cannot be parsed has secrets too, and a pattern keeps its braces.
func URL(location string) string {
	start := scheme.FindString(location)
	if start == "" {
		return location
	}
	rest := location[len(start):]
	end := strings.IndexAny(rest, "/?#\\")
	if end < 0 {
		end = len(rest)
	}
	authority := rest[:end]
	if at := strings.LastIndex(authority, "@"); at >= 0 {
		rest = rest[at+1:]
	} else if brokenUser(authority) {
		// A password with a slash or a question mark that should have been escaped.
		at := strings.LastIndex(rest, "@")
		if at < 0 {
			return start + "…"
		}
		rest = rest[at+1:]
	}
	if secret := strings.IndexAny(rest, "?#"); secret >= 0 {
		rest = rest[:secret]
	}
	return start + rest
}

// brokenUser tells the beginning of a user and password from a host and its port.
func brokenUser(authority string) bool {
	colon := strings.LastIndex(authority, ":")
	return colon >= 0 && !strings.HasSuffix(authority, "]") && !digits.MatchString(authority[colon+1:]) && !strings.ContainsAny(authority[colon+1:], "{,.")
}

// Has tells whether a location has secrets.
func Has(location string) bool { return URL(location) != location }

// Text is a text with every URL in it without its secrets.
func Text(text string) string {
	if !strings.Contains(text, ":/") {
		return text
	}
	return inText.ReplaceAllStringFunc(text, func(found string) string {
		if quote := found[0]; quote == '"' || quote == '\'' {
			return string(quote) + URL(found[1:len(found)-1]) + string(quote)
		}
		return URL(found)
	})
}

// Setting is a word of a command line, such as key=URL, without secrets.
func Setting(word string) string {
	name, value, found := strings.Cut(word, "=")
	if !found || scheme.MatchString(word) {
		return Text(URL(word))
	}
	return name + "=" + Text(URL(strings.TrimSpace(value)))
}

// Without is a text in which no secret of a location stands, be it by itself: errors of other libraries quote values.
func Without(text, location string) string {
	text = Text(text)
	u, err := url.Parse(location)
	if err != nil {
		return text
	}
	secrets := []string{u.RawQuery}
	if u.User != nil {
		password, _ := u.User.Password()
		secrets = append(secrets, u.User.String(), password, u.User.Username())
	}
	for _, values := range u.Query() {
		secrets = append(secrets, values...)
	}
	for _, s := range secrets {
		if s != "" {
			text = strings.ReplaceAll(strings.ReplaceAll(text, url.QueryEscape(s), "…"), s, "…")
		}
	}
	return text
}

// Error is an error whose message is redacted; what it wraps is there for errors.Is and errors.As.
type Error struct{ Err error }

func (e Error) Error() string { return Text(e.Err.Error()) }

// Unwrap returns the error as it was.
func (e Error) Unwrap() error { return e.Err }

// Writer redacts what is written to w. Each write is looked at by itself, as messages are written whole.
type Writer struct{ W io.Writer }

// Write implements io.Writer.
func (w Writer) Write(p []byte) (int, error) {
	if _, err := io.WriteString(w.W, Text(string(p))); err != nil {
		return 0, err
	}
	return len(p), nil
}
