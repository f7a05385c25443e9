// SPDX-License-Identifier: MIT

// Package rules decides, by regular expressions on parameter names, how each
// parameter is optimised: its share of the learning rate, its weight decay, whether
// its rate is adapted by LARC or LARS, and whether and how long it is frozen.
//
// Rules are tried in order and the first match wins. Every parameter must be
// matched by one: a parameter that nobody thought of is an error and not a default,
// because a misspelt pattern would otherwise train what was meant to be frozen.
// A rule that matches nothing is an error for the same reason, unless an earlier
// rule took everything it matches.
package rules
