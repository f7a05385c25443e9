// SPDX-License-Identifier: MIT

// Package inspect lists what a file of weights, a checkpoint folder or a run
// folder holds: tensors, totals, metadata, whose key names they are and which
// architecture has these shapes, and how many values are not finite. The tensors
// are read once for that, in pieces; the newest checkpoint of a run is compared with
// its sums.
//
//	report, err := inspect.Inspect("runs/x")
//	err = report.Write(os.Stdout, inspect.Options{})
package inspect
