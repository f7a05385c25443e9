// SPDX-License-Identifier: MIT

// Package launch is what every training task does around its program: it looks at the run folder, tells what has changed
// since, refuses what would only fail again, and lets the start take effect once all was checked. A start that is refused
// has changed nothing.
//
// launch.go is the start itself, images.go the source and its loader, engine.go the optimizer and the schedule.
package launch
