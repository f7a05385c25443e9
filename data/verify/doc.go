// SPDX-License-Identifier: MIT

// Package verify reads a whole data set once and reports what is wrong with it
// before a run has to find out: images that cannot be decoded, exact
// duplicates, duplicates with different labels, images too small to learn
// from, and files whose names say another format than their bytes.
//
// It counts formats, sizes and classes on the way. Nothing is changed: what to
// leave out is the user's choice, and training replaces corrupt images anyway.
// Memory is sixteen bytes an image.
package verify
