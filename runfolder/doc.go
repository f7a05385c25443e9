// SPDX-License-Identifier: MIT

// Package runfolder keeps what a run leaves on disk, in a way that a crash, a
// kill or a power cut at any instant cannot spoil.
//
//	runs/<name>/
//	  resolved.toml          the configuration, all defaults and overrides applied
//	  versions.json          what the run was made with
//	  metrics.jsonl          one JSON object a line, each with its "step"
//	  bad_images.jsonl       images that could not be read
//	  checkpoints/
//	    step-….damaged/      set aside: neither loaded nor deleted
//	    step-000000123/      model.safetensors, optimizer.safetensors, state.json, MANIFEST.json;
//	                         training.safetensors where model has an average of the weights
//	  latest                 a link to the newest of them, for people
//	  best                   a link to the one that a probe liked most, where one is kept
//	  lock                   held by the process that writes here
//
// A checkpoint is written to step-….tmp, its files are synced, MANIFEST.json gets
// their sizes and CRC-32C sums, the folder is renamed and its parent is synced.
// So a folder with its final name is complete unless the disk itself failed; the
// sums find that. Loading takes the newest checkpoint that proves complete. It
// passes over what is proven to be damaged, and says so; what cannot be read
// proves nothing, and stops it. The link "latest" plays no part in it.
//
// A start is a transaction: [Open] and [Folder.Newest] look, [Folder.Begin] writes
// once all else was checked, and [Folder.Close] without Begin leaves everything as
// it was. Begin continues the logs: lines of steps that a resumed run will do again
// are dropped, so that no step occurs twice.
//
// [Newest] and [Resolve] only read and work beside a running training.
package runfolder
