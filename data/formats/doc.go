// SPDX-License-Identifier: MIT

// Package formats decodes the image files that are not JPEG, and holds what all
// formats share: recognising a file by its first bytes, the size and the EXIF
// orientation of its header, the reasons for refusing one, the limits.
//
// Pillow is the rule. What Image.open(file).convert("RGB") gives is what
// [Decode] gives, to the byte where a format is lossless; what Pillow refuses is
// refused. Only the limits are stricter, see [Limits].
//
// A format is an entry of the table codecs, a Go file and, where it is decoded
// in C, C files of its own prefix over the common header fm.h: bounded
// allocation, error codes, a message.
package formats
