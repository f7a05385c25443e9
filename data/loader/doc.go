// SPDX-License-Identifier: MIT

// Package loader makes batches of crops of the images of a source.
//
// A [Loader] reads, decodes and augments with a number of goroutines and
// delivers batches in order. A batch is a pure function of the options and of
// its step: image j of step s on rank r is the one at global position
// s·B·W + r·B + j of the stream (B images a batch, W ranks), which the sampler
// maps to an index, and its crops are drawn by a generator keyed with seed,
// epoch, index and crop. So the number of workers does not matter, a run
// resumes at any step, and another number of ranks with the same global batch
// sees the same images in the same order.
//
// Images as the web has them are not all images. One that cannot be read or
// decoded is replaced by the next usable one in the epoch's order, counted by
// [source.Reason] and listed; when too many are bad the stream ends with an error.
// Nothing here touches libtorch: pixels leave as uint8, and normalisation is
// the device's work.
package loader
