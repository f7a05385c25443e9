// SPDX-License-Identifier: MIT

package logistic

import (
	"fmt"

	"gonum.org/v1/gonum/mat"

	"seer/torch"
)

// maxRotated is the largest width whose covariance is made diagonal. The time grows with the cube: a second at 512, half a
// minute to a minute and a half at 2048. Wider features are centred and scaled only, which takes several times the steps.
const maxRotated = 2048

// A block of images has about so many float64: on the CPU it stays in the cache from one product to the next; a GPU wants
// large pieces of work.
const (
	blockCPU = 1 << 20
	blockGPU = 1 << 26
)

// basis is where the problem is solved: z = (x − mean)·axes.
type basis struct {
	mean *torch.Tensor // [1,width], float64 on the device, as all here
	axes *torch.Tensor // [width,width], orthonormal columns; nil is the identity
	// variance of the features in the basis
	variance []float64
}

// blocks calls use for pieces of n rows of so many values.
func blocks(dev torch.Device, n, width int64, use func(at, rows int64)) {
	size := int64(blockCPU)
	if dev != torch.CPU {
		size = blockGPU
	}
	rows := max(1, size/width)
	for at := int64(0); at < n; at += rows {
		func() {
			scope := torch.NewScope()
			defer scope.Close()
			use(at, min(rows, n-at))
		}()
	}
}

// piece is rows of x in float64 on the device.
func piece(x *torch.Tensor, dev torch.Device, at, rows int64) *torch.Tensor {
	return x.Narrow(0, at, rows).ToDevice(dev).To(torch.Float64)
}

func newBasis(dev torch.Device, x *torch.Tensor) (*basis, error) {
	n, width := x.Size(0), x.Size(1)
	b := &basis{mean: torch.Zeros(torch.Float64, dev, 1, width)}
	blocks(dev, n, width, func(at, rows int64) { b.mean.AddInPlace(piece(x, dev, at, rows).SumDims(true, 0)) })
	b.mean.DivScalarInPlace(float64(n))
	if b.mean.IsFinite().All().Item() == 0 { // one value that is not makes its mean so
		return nil, fmt.Errorf("logistic regression: features of the %d images are not all finite", n)
	}
	if width > maxRotated {
		variance := torch.Zeros(torch.Float64, dev, 1, width)
		blocks(dev, n, width, func(at, rows int64) {
			variance.AddInPlace(piece(x, dev, at, rows).Sub(b.mean).Square().SumDims(true, 0))
		})
		b.variance = variance.DivScalarInPlace(float64(n)).Float64s()
		return b, nil
	}
	covariance := torch.Zeros(torch.Float64, dev, width, width)
	blocks(dev, n, width, func(at, rows int64) {
		centred := piece(x, dev, at, rows).Sub(b.mean)
		covariance.AddInPlace(centred.Transpose(0, 1).MatMul(centred))
	})
	return b, b.diagonalize(covariance.DivScalarInPlace(float64(n)))
}

// diagonalize finds the axes.
func (b *basis) diagonalize(covariance *torch.Tensor) error {
	width := covariance.Size(0)
	var eigen mat.EigenSym
	if !eigen.Factorize(mat.NewSymDense(int(width), covariance.Float64s()), true) {
		return fmt.Errorf("logistic regression: the covariance of %d features has no eigenvalues that converge", width)
	}
	var vectors mat.Dense
	eigen.VectorsTo(&vectors)
	b.variance = eigen.Values(nil)
	b.axes = torch.FromFloat64(vectors.RawMatrix().Data, width, width).ToDevice(covariance.Device())
	return nil
}

// into moves rows of x into the basis.
func (b *basis) into(x *torch.Tensor) *torch.Tensor {
	z := x.Sub(b.mean)
	if b.axes != nil {
		z = z.MatMul(b.axes)
	}
	return z
}

// back turns weights [classes, width+1] of the basis, the intercepts behind them, into those of x.
func (b *basis) back(w *torch.Tensor) (weights, intercepts []float64) {
	width := b.mean.Size(1)
	v := w.Narrow(1, 0, width)
	if b.axes != nil {
		v = v.MatMul(b.axes.Transpose(0, 1))
	}
	shift := v.Mul(b.mean).SumDims(true, 1)
	return v.Contiguous().Float64s(), w.Narrow(1, width, 1).Sub(shift).Contiguous().Float64s()
}
