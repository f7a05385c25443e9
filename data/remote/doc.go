// SPDX-License-Identifier: MIT

// Package remote reads objects of HTTP(S) servers, S3, Google Cloud Storage and Azure by ranges:
//
//	https://host/path/shard.tar
//	s3://bucket/key            (?region=…; for other S3 servers ?endpoint=https://…&use_path_style=true)
//	gs://bucket/key
//	azblob://container/key
//
// A read returns all bytes that were asked for or an error; what interrupts it (resets, stalls, truncated bodies, 5xx,
// 429) is repeated with growing pauses, from the byte where it stopped. An object that changes while it is read is an
// error, never a mixture.
//
// A [Cache] keeps what is read in a folder of this machine, within a limit; it may be shared by processes.
//
// Credentials come from the usual chains of each cloud (environment, profile, instance). Errors and names never hold the
// user or the query of a URL, where passwords and signatures are.
package remote
