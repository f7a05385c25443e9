// SPDX-License-Identifier: MIT

package maskrcnn

// Shares are the mask within the box of a detection, 28 × 28.
func Shares(d Detection) []float32 { return d.shares }
