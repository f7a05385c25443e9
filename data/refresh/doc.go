// SPDX-License-Identifier: MIT

// Package refresh loads a source that grows while it is read: which list of images
// served which steps of a run is on disk, so that a resumed run sees the same images
// in the same order.
package refresh
