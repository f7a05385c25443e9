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
//	    step-000000123/      model.safetensors, optimizer.safetensors, state.json, MANIFEST.json
//	  latest                 a link to the newest of them, for people
//	  lock                   held by the process that writes here
//
// A checkpoint is written to step-….tmp, its files are synced, MANIFEST.json gets
// their sizes and CRC-32C sums, the folder is renamed and its parent is synced.
// So a folder with its final name is complete unless the disk itself failed; the
// sums find that. Loading takes the newest checkpoint that proves complete and
// says which ones it passed over. The link plays no part in it.
//
// [Folder.Log] continues a file of JSON lines after a resume: lines of steps that
// the resumed run will do again are dropped, so that no step occurs twice.
//
// [Open] takes the lock and may write. [Newest] and [Resolve] only read and
// work beside a running training.
package runfolder
