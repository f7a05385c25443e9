// SPDX-License-Identifier: MIT

package fetch

import (
	"errors"
	"net/http"
	"testing"

	"seer/data/remote"
)

// Lists and servers may say anything: it is a URL with a host, a way to go on, or an error with a reason.
func FuzzURL(f *testing.F) {
	f.Add("http://h:80/a?b#c", "//other/x", "noai, seer: none")
	f.Add("https://[::1%25eth0]:99999/", "http://u:p@h\n", "bot: noindex, :,")
	f.Add("data:,", "..", "unavailable_after: x")
	f.Fuzz(func(t *testing.T, location, to, header string) {
		objection([]string{header})
		remote.RetryAfter(header)
		u, err := parseURL(location)
		if err == nil {
			answer := &http.Response{StatusCode: http.StatusFound, Header: http.Header{"Location": {to}}}
			if u, err = forward(u, answer); err == nil && (u.User != nil || u.Hostname() == "" || hostOf(u) == "") {
				t.Fatalf("%q leads to %q", location, u)
			}
		}
		var e *Error
		if err != nil && (!errors.As(err, &e) || e.Reason != DeadLink) {
			t.Fatalf("%q, %q: %v", location, to, err)
		}
	})
}
