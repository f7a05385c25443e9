// SPDX-License-Identifier: MIT

// Package repo has no code of its own: its tests hold the rules that the whole repository keeps, such as the direction
// of imports, license headers and package documentation.
package repo
