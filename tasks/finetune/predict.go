// SPDX-License-Identifier: MIT

package finetune

import (
	"cmp"
	"context"
	"encoding/csv"
	"io"
	"slices"
	"strconv"

	"github.com/parquet-go/parquet-go"

	"seer/data/loader"
	"seer/eval"
	"seer/torch"
)

// Prediction is one class for one image.
type Prediction struct {
	Image string  `parquet:"image"` // name in its source
	Rank  int32   `parquet:"rank"`  // 1 for the best class
	Label string  `parquet:"label"`
	Score float32 `parquet:"score"` // softmax over all classes; for a run with several classes an image the sigmoid of each
}

// Predict hands on the best classes of all images, a batch at a time, in the order of the source, the best class first.
func (m *Model) Predict(ctx context.Context, im eval.Images, top int, use func([]Prediction) error) error {
	top = min(top, len(m.Classes))
	return m.Scores(ctx, im, func(batch *loader.Batch, scores *torch.Tensor) error {
		var shares []float32
		if err := torch.Try(func() { shares = m.activation(scores).Float32s() }); err != nil {
			return err
		}
		var all []Prediction
		order := make([]int, len(m.Classes))
		for i, index := range batch.Indices {
			row := shares[i*len(m.Classes) : (i+1)*len(m.Classes)]
			for k := range order {
				order[k] = k
			}
			slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(row[b], row[a]) })
			for rank, k := range order[:top] {
				all = append(all, Prediction{im.Source.Name(index), int32(rank + 1), m.Classes[k], row[k]})
			}
		}
		return use(all)
	})
}

// activation makes probabilities of scores.
func (m *Model) activation(scores *torch.Tensor) *torch.Tensor {
	if m.Settings.MultiLabel {
		return scores.Sigmoid()
	}
	return scores.Softmax(1)
}

// Sheet takes predictions to a file.
type Sheet interface {
	Write([]Prediction) error
	Close() error
}

// NewCSV writes a header and a line for each prediction (RFC 4180).
func NewCSV(w io.Writer) (Sheet, error) {
	c := csvSheet{csv.NewWriter(w)}
	return c, c.w.Write([]string{"image", "rank", "label", "score"})
}

type csvSheet struct{ w *csv.Writer }

func (c csvSheet) Write(all []Prediction) error {
	for _, p := range all {
		line := []string{p.Image, strconv.Itoa(int(p.Rank)), p.Label, strconv.FormatFloat(float64(p.Score), 'g', -1, 32)}
		if err := c.w.Write(line); err != nil {
			return err
		}
	}
	return nil
}

func (c csvSheet) Close() error {
	c.w.Flush()
	return c.w.Error()
}

// NewParquet writes the same columns as a parquet file.
func NewParquet(w io.Writer) Sheet { return parquetSheet{parquet.NewGenericWriter[Prediction](w)} }

type parquetSheet struct {
	w *parquet.GenericWriter[Prediction]
}

func (p parquetSheet) Write(all []Prediction) error {
	_, err := p.w.Write(all)
	return err
}

func (p parquetSheet) Close() error { return p.w.Close() }
