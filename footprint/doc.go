// SPDX-License-Identifier: MIT

// Package footprint tells from an experiment what its training step takes: memory, multiply-adds, communication, time. It is
// arithmetic; nothing of the model's size is allocated, and libtorch is not needed.
package footprint
