// SPDX-License-Identifier: MIT

// Package fetch downloads images of the open web, one URL at a time and whole.
//
// Whoever wrote the list of URLs is not trusted, and neither are the servers. An address is checked when the connection
// to it is made, behind redirects and whatever a name server says: a machine's own, private and otherwise special
// networks (cloud metadata above all) are refused unless [DownloadOptions.AllowPrivate] is set. Size, time, redirects and
// repeats are bounded. No cookies, no Referer; the user and password of a URL go to its own host and nowhere else.
// Redirects lead to http and https only, from https to http too: the list may hold http as well, the request
// holds no secret, and a picture that somebody on the way has changed is one more picture of the web.
// The proxy that the environment names is used with AllowPrivate only, because a proxy connects to addresses that nobody
// here can check.
//
// Requests name the program, its version and whom to write to. An answer whose X-Robots-Tag says noai, noimageai,
// noindex, noimageindex or none, for everybody or for "seer", is not used. robots.txt is not asked for: it would cost
// a request to every host, and it speaks to crawlers, which follow links.
//
// A request takes a place of its host and then one of all places, so that a slow host holds no more than its share,
// however many of its URLs wait. What is known of a host is forgotten with its last request.
package fetch
