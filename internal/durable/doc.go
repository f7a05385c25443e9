// SPDX-License-Identifier: MIT

// Package durable writes files and folders so that a crash at any instant
// leaves either the old content or the new one, never a mixture.
//
// The order is always the same: write beside the target, fsync the content,
// rename over the target, fsync the folder that holds the name. A rename without
// the first fsync can survive a power cut that its content does not survive; a
// rename without the second one can be forgotten.
//
// Every operation first asks [FS.Before], so that a test can stop a protocol
// before each of its steps and look at what a restarted process would find.
package durable
