// SPDX-License-Identifier: MIT

package fetch

import (
	"slices"
	"strings"
)

// objections are the directives of X-Robots-Tag that speak against training on an image; none is noindex and nofollow.
var objections = []string{"noai", "noimageai", "noindex", "noimageindex", "none"}

// valued are directives with a colon: what stands before it is no robot's name.
var valued = []string{"unavailable_after", "max-snippet", "max-image-preview", "max-video-preview"}

// objection returns the first directive of the headers that speaks against the image, to everybody or to this program;
// "" if none does. A robot's name at the front of a header is for all that follow in it.
func objection(headers []string) string {
	for _, header := range headers {
		for directive := range strings.SplitSeq(strings.ToLower(header), ",") {
			name, rest, named := strings.Cut(directive, ":")
			name = strings.TrimSpace(name)
			if named && slices.Contains(valued, name) {
				continue
			}
			if named && name != "seer" {
				break // the rest is for another robot
			}
			if named {
				name = strings.TrimSpace(rest)
			}
			if slices.Contains(objections, name) {
				return name
			}
		}
	}
	return ""
}
