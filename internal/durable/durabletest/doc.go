// SPDX-License-Identifier: MIT

// Package durabletest has the file systems that durable protocols are tested on:
// [Memory] forgets what was not synced, directory entries included, and [Faulty]
// fails. The models are vfs.NewCrashableMem and errorfs of cockroachdb/pebble.
package durabletest
