// SPDX-License-Identifier: MIT

package svm

// Folds is the fold that holds out each image of a class.
func Folds(labels []int8, k int) []int {
	p, err := newProblem(Rows{x: make([]float32, len(labels)), width: 1}, labels, Defaults())
	if err != nil {
		panic(err)
	}
	return p.folds(k)
}

// Row is row i.
func Row(r Rows, i int) []float32 { return r.row(i) }
