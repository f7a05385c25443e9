// SPDX-License-Identifier: MIT

// Package config reads an experiment: one TOML file that says everything a run
// depends on, so that the file is the record of the result.
//
// The way of a value is always the same:
//
//	Default → base overlays → the file → --set overrides → Validate → Resolve
//
// Decoding is strict: a key nobody knows is an error that names the file, the
// line and the nearest known key. Durations are written in the unit people think
// in ("1ep", "8000it", "1e9img", "2.5%") and become steps exactly once, in
// Resolve, when the number of images is known; the learning rate is scaled by the
// batch exactly once, in the same place. An Experiment itself is never rewritten
// by either, so that the file Encode writes loads back to an equal Experiment.
//
// The package is pure: it opens TOML files and, in CheckData alone, looks whether
// the data exist. It imports neither torch nor
// the data loader; of package data it knows the specification of crops, which has the rules for them.
package config
