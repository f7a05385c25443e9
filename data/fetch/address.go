// SPDX-License-Identifier: MIT

package fetch

import (
	"context"
	"fmt"
	"net/netip"
	"syscall"
)

// control is called with the address of every connection before it is made: neither a redirect nor a name server gets
// around it.
func (c *Client) control(_ context.Context, _, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return failure(RefusedAddress, "the address %s cannot be judged", address)
	}
	return c.allowed(at.Addr())
}

// special are the networks of the registries of special addresses (RFC 6890 and those after it) where no image of the
// web is: the machine itself, private and link-local networks, carriers' networks, documentation, tests, multicast.
var special = prefixes(
	"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
	"192.0.2.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
	"::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "3fff::/20", "5f00::/16", "fc00::/7", "fe80::/10",
	"fec0::/10", "ff00::/8",
)

// wrapped are the networks whose addresses hold an IPv4 address from this byte on: NAT64 and 6to4.
var wrapped = []struct {
	prefix netip.Prefix
	from   int
}{{netip.MustParsePrefix("64:ff9b::/96"), 12}, {netip.MustParsePrefix("2002::/16"), 2}}

func prefixes(list ...string) (out []netip.Prefix) {
	for _, p := range list {
		out = append(out, netip.MustParsePrefix(p))
	}
	return out
}

// checkAddress refuses addresses that the public web does not have.
func checkAddress(a netip.Addr) error {
	inner := a.WithZone("").Unmap()
	for _, w := range wrapped {
		if w.prefix.Contains(inner) {
			b := inner.As16()
			inner = netip.AddrFrom4([4]byte(b[w.from : w.from+4]))
			break
		}
	}
	for _, p := range special {
		if p.Contains(inner) {
			return &Error{RefusedAddress, fmt.Errorf("the host is at %s, in %s, which is not on the public web; data.urls.allow_private allows it", a, p)}
		}
	}
	return nil
}
