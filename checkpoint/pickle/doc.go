// SPDX-License-Identifier: MIT

// Package pickle reads Python's pickles, protocols 0 to 5, without running
// anything: it builds lists, dicts and numbers, and asks its caller what a
// Python name stands for.
//
// A pickle is a program for a stack machine. [Decode] is that machine, fed from a
// stream and bounded: what it keeps in memory has a limit, a text or a byte
// string that no name or number of interest can have is passed over and becomes
// [Skipped], and no length in the file is believed before the bytes were there.
// So a file of gigabytes costs time, not memory, and a file of twenty bytes that
// promises terabytes costs neither.
package pickle
