// SPDX-License-Identifier: MIT

// Package train is the one training loop. It knows no method, no model, no configuration and no source of data: a
// [Method] turns a batch into a loss, a [Loader] brings batches, and a [Program] puts them together with an optimizer, a
// schedule and hooks.
//
// Read engine.go for one step, then program.go for the loop around it. What must survive a restart is a
// [seer/runfolder.Part]; parts.go has those of every program.
package train
