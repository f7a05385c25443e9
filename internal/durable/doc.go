// SPDX-License-Identifier: MIT

// Package durable writes files and folders so that a crash at any instant
// leaves either the old content or the new one, never a mixture.
//
// The order is always the same: write beside the target, fsync the content,
// rename over the target, fsync the folder that holds the name. A rename without
// the first fsync can survive a power cut that its content does not survive; a
// rename without the second one can be forgotten.
//
// [WriteFile] is what most callers need, [Create] serves those that stream or go
// back in the file. Protocols of several files work on an [FS]: tests put a file
// system in its place that fails and forgets (package durabletest).
package durable
