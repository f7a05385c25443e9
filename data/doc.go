// SPDX-License-Identifier: MIT

// Package data is the way of an image from where it lies to a batch of crops. Nothing
// here touches libtorch: pixels leave as uint8, and normalisation is the device's work.
// The folders, in the order in which an image passes them:
//
//   - source lists images in folders, lists, tar shards, IDX files and behind URLs, and reads
//     their files; remote (shards behind URLs and their cache), fetch (single images behind
//     URLs) and index (flat lists that need no time to open) stand behind it;
//   - labelled gives the images of published data sets their classes;
//   - subset draws few of them;
//   - sampler says which image is at which position of which epoch;
//   - augment draws the crops of an image;
//   - jpeg and formats decode a file and render its crops in one pass;
//   - loader makes batches of all of these with a number of goroutines;
//   - refresh lets the list of images grow while a run goes on;
//   - contact and verify let people look at what is there.
package data
