// SPDX-License-Identifier: MIT

// Package sweep runs a grid of experiments: a command for every combination of some values, one after another, each in a
// folder of its own. What is done is passed over, what was stopped goes on, and the figures of all come together in a table
// and in plots.
//
//	grid file ─ Load ─► Grid ─ Jobs ─► a Job each ─ Runner ─► folders ─ Collect ─► Table ─► CSV, Markdown, plots
package sweep
