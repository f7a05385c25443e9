// SPDX-License-Identifier: MIT

// Command probes measures features of two labelled sets by one of the probes of eval/ and prints its figures as a line of
// JSON, for tools/parity/probes.py, which runs it beside scikit-learn, NumPy and PyTorch.
//
//	go run ./tools/parity/probes --probe svm --train train.npy --test test.npy --images 5000
//
// Features are files of `seer features`; the folder of an image is its class.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"syscall"

	"seer/eval/knn"
	"seer/eval/logistic"
	"seer/eval/metrics"
	"seer/eval/rankme"
	"seer/eval/svm"
	"seer/internal/npy"
	"seer/torch"
)

// probe fills figures; out is where it writes decisions.
type probe func(train, test *features, out string, figures map[string]any) error

var probes = map[string]probe{"knn": knnProbe, "svm": svmProbe, "svm-choice": svmChoice, "logistic": logisticProbe, "logistic-choice": logisticChoice, "rankme": rankmeProbe}

func main() {
	name := flag.String("probe", "", "knn, svm, svm-choice, logistic, logistic-choice or rankme")
	trainFile := flag.String("train", "", ".npy of the training images")
	testFile := flag.String("test", "", ".npy of the test images")
	images := flag.Int("images", 0, "of training, evenly spread over the file; 0 is all")
	out := flag.String("decisions", "decisions.npy", "file for the test images' scores")
	flag.Parse()
	if err := run(*name, *trainFile, *testFile, *images, *out); err != nil {
		fmt.Fprintln(os.Stderr, "probes:", err)
		os.Exit(1)
	}
}

func run(name, trainFile, testFile string, images int, out string) error {
	p, ok := probes[name]
	if !ok {
		return fmt.Errorf("--probe %q: knn, svm, svm-choice, logistic, logistic-choice and rankme are allowed", name)
	}
	train, err := read(trainFile)
	if err != nil {
		return err
	}
	test, err := read(testFile)
	if err != nil {
		return err
	}
	torch.SetThreads(1)
	figures := map[string]any{}
	before := cpu()
	if err := p(train.spread(images), test, out, figures); err != nil {
		return err
	}
	figures["cpu_s"] = cpu() - before
	return json.NewEncoder(os.Stdout).Encode(figures)
}

// cpu is the processor time of this process in seconds.
func cpu() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

func knnProbe(train, test *features, _ string, figures map[string]any) error {
	ks := []int{10, 20, 100, 200}
	for name, vote := range map[string]knn.Vote{"uniform": knn.Uniform, "softmax": knn.Softmax, "exponential": knn.Exponential} {
		o := knn.VoteOptions{K: ks, Vote: vote, Temperature: 0.07, Classes: train.classes}
		counts, err := knn.Classify(context.Background(), torch.CPU, knn.Bank{X: train.tensor(), Labels: train.labels}, test.tensor(), test.labels, o)
		if err != nil {
			return err
		}
		for i, k := range ks {
			figures[fmt.Sprintf("%s %d", name, k)] = counts[i].Accuracy(1)
		}
	}
	return nil
}

func (f *features) svmSet() (svm.Set, error) {
	rows, err := svm.NewRows(f.x, f.width)
	if err != nil {
		return svm.Set{}, err
	}
	labels, err := svm.OneVsRest(f.labels, f.classes)
	return svm.Set{Rows: rows.Normalized(), Labels: labels}, err
}

func evaluateSVM(train, test *features, o svm.SolverOptions) (*svm.Result, svm.Set, error) {
	a, err := train.svmSet()
	if err != nil {
		return nil, a, err
	}
	b, err := test.svmSet()
	if err != nil {
		return nil, b, err
	}
	r, err := svm.Evaluate(context.Background(), a, b, o)
	return r, b, err
}

// svmProbe has one cost; the decisions are compared one by one.
func svmProbe(train, test *features, out string, figures map[string]any) error {
	o := svm.Defaults()
	o.Costs, o.Workers = []float64{1}, 1
	r, set, err := evaluateSVM(train, test, o)
	if err != nil {
		return err
	}
	classes := len(r.Models)
	scores := make([]float32, len(test.labels)*classes)
	for c, m := range r.Models {
		for i, d := range m.Decide(set.Rows) {
			scores[i*classes+c] = float32(d)
		}
	}
	count, err := metrics.NewClassification(classes, 1)
	if err == nil {
		err = count.Add(scores, test.labels)
	}
	if err != nil {
		return err
	}
	figures["mAP"], figures["accuracy"], figures["unconverged"] = r.Mean(), count.Accuracy(1), r.Unconverged()
	return write(out, scores, classes)
}

func svmChoice(train, test *features, _ string, figures map[string]any) error {
	o := svm.Defaults()
	o.Costs, o.Workers = []float64{0.01, 0.1, 1, 10}, 1
	r, _, err := evaluateSVM(train, test, o)
	if err != nil {
		return err
	}
	var costs []float64
	for _, m := range r.Models {
		costs = append(costs, m.Cost)
	}
	figures["mAP"], figures["costs"], figures["cross-validation"] = r.Mean(), costs, r.CrossValidation
	return nil
}

// logisticCosts are every eleventh of DINOv2's.
func logisticCosts() (some []float64) {
	for i, c := range logistic.Defaults().Costs {
		if i%11 == 0 {
			some = append(some, c)
		}
	}
	return some
}

func logisticProbe(train, test *features, _ string, figures map[string]any) error {
	o := logistic.Defaults()
	o.Costs = logisticCosts()
	models, err := logistic.Fit(context.Background(), torch.CPU, logistic.Set{X: train.tensor(), Labels: train.labels}, train.classes, o)
	if err != nil {
		return err
	}
	for i, m := range models {
		count, err := m.Classify(torch.CPU, 1, logistic.Set{X: test.tensor(), Labels: test.labels})
		if err != nil {
			return err
		}
		figures[fmt.Sprint("accuracy ", i)], figures[fmt.Sprint("objective ", i)] = count.Accuracy(1), m.Objective
		figures[fmt.Sprint("iterations ", i)], figures[fmt.Sprint("gradient ", i)] = m.Iterations, m.Gradient
	}
	return nil
}

// logisticChoice is all of DINOv2's protocol.
func logisticChoice(train, test *features, _ string, figures map[string]any) error {
	r, err := logistic.Evaluate(context.Background(), torch.CPU, logistic.Set{X: train.tensor(), Labels: train.labels}, train.classes, logistic.Defaults())
	if err != nil {
		return err
	}
	count, err := r.Classify(torch.CPU, 1, logistic.Set{X: test.tensor(), Labels: test.labels})
	if err != nil {
		return err
	}
	figures["C"], figures["accuracy"], figures["mean per class"] = r.Cost, count.Accuracy(1), count.MeanPerClass(1)
	return nil
}

func rankmeProbe(_, test *features, _ string, figures map[string]any) (err error) {
	figures["RankMe"], err = rankme.Of(test.tensor())
	return err
}

func write(path string, scores []float32, classes int) error {
	w, err := npy.Create(path, int64(len(scores)/classes), int64(classes))
	if err != nil {
		return err
	}
	if err := w.Write(scores); err != nil {
		return err
	}
	return w.Close()
}
