// SPDX-License-Identifier: MIT

// Package subset takes a part of a labelled source for low-shot learning: the images of a published list ([Named]), the
// same number of every class ([Balanced]), or k images a class ([Shots]). Each is a list of indices for
// [seer/data/sampler.List].
//
// What is drawn depends on the seed and on the names of the images alone, neither on the order of the listing nor on this
// program: see [Draw].
package subset
