// SPDX-License-Identifier: MIT

// Package release names the version of the program.
package release

// Version is set by the linker: -X seer/internal/release.Version=v1.2.3.
var Version = "0.1.0-dev"
