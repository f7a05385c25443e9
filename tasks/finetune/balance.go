// SPDX-License-Identifier: MIT

package finetune

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"

	"seer/data/sampler"
	"seer/data/source"
	"seer/inputs"
	"seer/torch"
)

// exponents of the sizes of classes, by the names of finetune.sampling.
var exponents = map[string]float64{"square-root": 0.5, "class-balanced": 0}

// sampling is the order of the training images: that of [data], or one that draws rare classes more often.
func (r *run) sampling(src source.Source, seed uint64) (*sampler.Sampler, error) {
	order, err := r.Order(src, seed)
	exponent, balanced := exponents[r.Experiment.Finetune.Sampling]
	if err != nil || !balanced {
		return order, err
	}
	members, err := inputs.Members(src, order)
	if err == nil {
		order, err = sampler.Balanced(src.Len(), members, order.Len(), exponent, seed)
	}
	if err != nil {
		return nil, fmt.Errorf("finetune.sampling = %q: %w", r.Experiment.Finetune.Sampling, err)
	}
	return order, nil
}

// weigh gives the method the weights of its classes.
func (r *run) weigh() (err error) {
	src, key := r.images.Source, r.Experiment.Finetune.ClassWeights
	var weights []float32
	switch key {
	case "":
		return nil
	case "balanced":
		weights, err = r.balancedWeights()
	default:
		weights, err = readWeights(key, src.Classes())
	}
	if err != nil {
		return fmt.Errorf("finetune.class_weights: %w", err)
	}
	return torch.Try(func() {
		r.method.Weights = torch.Scoped(func() *torch.Tensor {
			return torch.FromFloat32(weights, int64(len(weights))).ToDevice(r.Device)
		}).Release()
	})
}

// balancedWeights count the images of [data], however often they are drawn.
func (r *run) balancedWeights() ([]float32, error) {
	src := r.images.Source
	order, err := r.Order(src, r.Experiment.Run.Seed)
	if err != nil {
		return nil, err
	}
	members, err := inputs.Members(src, order)
	if err != nil {
		return nil, err
	}
	positives := make([]int64, len(members))
	for c, images := range members {
		positives[c] = int64(len(images))
	}
	if rows := inputs.RowsOf(src); rows != nil {
		return positiveWeights(positives, known(rows, order, len(members))), nil
	}
	return classWeights(positives, order.Len()), nil
}

// classWeights are images/(classes·images of the class), over the classes that have any (scikit-learn's "balanced"); 1
// where there is none.
func classWeights(counts []int64, images int64) []float32 {
	present := 0
	for _, n := range counts {
		if n > 0 {
			present++
		}
	}
	weights := make([]float32, len(counts))
	for c, n := range counts {
		weights[c] = 1
		if n > 0 {
			weights[c] = float32(float64(images) / (float64(present) * float64(n)))
		}
	}
	return weights
}

// positiveWeights are negatives/positives of each class among the images where it is known; 1 where one of them is none.
func positiveWeights(positives, known []int64) []float32 {
	weights := make([]float32, len(positives))
	for c, n := range positives {
		weights[c] = 1
		if negatives := known[c] - n; n > 0 && negatives > 0 {
			weights[c] = float32(float64(negatives) / float64(n))
		}
	}
	return weights
}

// known counts for each class the images of which it is known whether it is there.
func known(rows inputs.Rows, order *sampler.Sampler, classes int) []int64 {
	counts, row := make([]int64, classes), make([]int8, classes)
	for k := range order.Len() {
		rows.Row(order.Sequential(k), row)
		for c, v := range row {
			if v >= 0 {
				counts[c]++
			}
		}
	}
	return counts
}

// readWeights reads a CSV file with a line "class,weight" for each class, in any order.
func readWeights(path string, classes []string) ([]float32, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	places, weights := map[string]int{}, make([]float32, len(classes))
	for i, class := range classes {
		places[class] = i
	}
	lines := csv.NewReader(f)
	lines.FieldsPerRecord = 2
	for {
		fields, err := lines.Read()
		if errors.Is(err, io.EOF) {
			return weights, allWeighed(path, classes, weights)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w; a line is a class, a comma and its weight", path, err)
		}
		line, _ := lines.FieldPos(0)
		place, isClass := places[fields[0]]
		weight, err := strconv.ParseFloat(fields[1], 32)
		switch {
		case !isClass:
			return nil, fmt.Errorf("%s:%d: %q is none of the %d classes of data.source, such as %q", path, line, fields[0], len(classes), classes[0])
		case err != nil || !(weight > 0) || math.IsInf(weight, 0):
			return nil, fmt.Errorf("%s:%d: the weight of %q is %q; allowed are numbers over 0", path, line, fields[0], fields[1])
		case weights[place] != 0:
			return nil, fmt.Errorf("%s:%d: the class %q has a weight already; give each one", path, line, fields[0])
		}
		weights[place] = float32(weight)
	}
}

// allWeighed wants a weight for every class.
func allWeighed(path string, classes []string, weights []float32) error {
	for i, w := range weights {
		if w == 0 {
			return fmt.Errorf("%s has no weight for the class %q; give each of the %d classes one", path, classes[i], len(classes))
		}
	}
	return nil
}
