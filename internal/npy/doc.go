// SPDX-License-Identifier: MIT

// Package npy reads and writes a matrix of float32 as NumPy's .npy file, version 1.0, row
// by row: the number of rows is known beforehand, the rows are not.
//
// The file appears under its name only when it is complete, so that nobody takes
// half of the features for all of them.
//
//	w, err := npy.Create("features.npy", rows, width)
//	defer w.Abort() // does nothing after Close
//	err = w.Write(batch) // whole rows, again and again
//	err = w.Close()
package npy
