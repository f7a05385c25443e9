// SPDX-License-Identifier: MIT

// Package supervised is classification: heads that score classes, and the losses that compare scores with targets, for
// one class an image and for any number.
package supervised
