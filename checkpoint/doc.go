// SPDX-License-Identifier: MIT

// Package checkpoint reads and writes files of named tensors, without libtorch.
//
// It writes safetensors and reads safetensors and PyTorch's .pth files, both the
// zip archive and the older plain pickle. [Open] looks at the content, not at
// the name. Nothing in a pickle is executed: classes outside a short list become
// inert objects, which are searched for tensors, left out otherwise, and named in
// [File.Notes]. What a file holds beside the tensors that are asked for never keeps
// those from being read.
//
//	f, err := checkpoint.Open("trunk.pth")
//	defer f.Close()
//	for _, info := range f.Infos() {        // names, dtypes and shapes, nothing loaded yet
//		tensor, err := f.Read(info.Name)    // one tensor in memory
//	}
//
// The path may also be the index of a checkpoint in shards, or a folder that holds
// the weights of one model.
//
// Data are little endian and contiguous, in row-major order. A file of many
// gigabytes is read tensor by tensor, and written from the caller's slices
// without a second copy.
//
// Package pickle below it is the machine that reads pickles. The other sub-packages
// build on it: names translates the keys of six ecosystems,
// weights fits a file to a model and reports what does not fit, runfolder keeps
// the checkpoints of a run, inspect lists what any of them holds.
package checkpoint
