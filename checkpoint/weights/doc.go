// SPDX-License-Identifier: MIT

// Package weights fits a file of tensors to a model: which tensor of the file
// goes where, and if not all fit, one error that says all of it.
//
// [Match] compares names and shapes before anything is loaded. Keys may be of
// any library that package names knows. Parts of the file that the model does
// not have, a classifier or an optimizer's state, are left out and listed; a key
// beside the trunk's own that nobody knows is an error, because silence there is
// how half-loaded networks come about.
//
//	plan, err := weights.Match(file, want, weights.MatchOptions{Arch: "regnet_y_16gf"})
//	for i, entry := range plan.Entries {
//		tensor, err := plan.Read(i) // in the model's dtype
//	}
package weights
