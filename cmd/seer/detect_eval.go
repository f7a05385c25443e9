// SPDX-License-Identifier: MIT

package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"seer/data/instances"
	"seer/eval/coco"
)

func detectEvalCommand() *cli.Command {
	return &cli.Command{
		Name:  "eval",
		Usage: "score a file of detections: COCO's average precision of boxes and masks",
		Description: "Compares any program's results with annotations and prints COCO's twelve numbers, those of pycocotools, for boxes\n" +
			"and for masks; for boxes only where results or annotations have no segmentations, which is said. Numbers are\n" +
			"shares of 1, and what has no objects has none (-1 in JSON). Results for images or categories that the annotations\n" +
			"do not list are an error.\n\nExamples:\n" +
			"   seer detect eval --annotations instances_val2017.json --predictions results.json\n" +
			"   seer detect eval --annotations instances_val2017.json --predictions results.json --by-category\n" +
			"   seer detect eval --annotations instances_val2017.json --predictions results.json --json",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "annotations", Aliases: []string{"a"}, Usage: "what is in the images: a `FILE` such as instances_val2017.json"},
			&cli.StringFlag{Name: "predictions", Aliases: []string{"p"}, Usage: "what was found: a `FILE` with a list of results"},
			&cli.BoolFlag{Name: "by-category", Usage: "the numbers of each category too"},
			&cli.BoolFlag{Name: "mask-areas", Usage: "masks are small or large by their own area, as in detectron2; pycocotools takes that of the box where a result has one"},
			&cli.IntFlag{Name: "threads", Usage: "CPU threads; 0: as many as there are"},
			&cli.BoolFlag{Name: "json", Usage: "print the result as one JSON line"},
		},
		Action: runDetectEval,
	}
}

func runDetectEval(c *cli.Context) error {
	if err := given(c, "annotations", "predictions"); err != nil {
		return err
	}
	annotations, predictions := c.String("annotations"), c.String("predictions")
	if err := errors.Join(local("the annotations", annotations), local("the predictions", predictions), within(c, 1<<20, map[string]int{"threads": 0})); err != nil {
		return err
	}
	truth, err := instances.Open(annotations)
	if err != nil {
		return err
	}
	results, err := instances.OpenResults(predictions)
	if err != nil {
		return err
	}
	p := coco.Defaults()
	p.MaskAreas, p.Threads = c.Bool("mask-areas"), c.Int("threads")
	s, err := scoreDetections(truth, results, p)
	if err != nil {
		return fmt.Errorf("results are %s, annotations %s: %w", predictions, annotations, err)
	}
	s.Annotations, s.Predictions = annotations, predictions
	if !c.Bool("by-category") {
		s.Categories = nil
	}
	if c.Bool("json") {
		return printJSON(c.App.Writer, s)
	}
	return s.print(c.App.Writer)
}

// detectionScore is what seer detect eval prints.
type detectionScore struct {
	Annotations string          `json:"annotations"`
	Predictions string          `json:"predictions"`
	Images      int             `json:"images"`
	Objects     int             `json:"objects"`
	Results     int             `json:"results"`
	Boxes       coco.Summary    `json:"boxes"`
	Masks       *coco.Summary   `json:"masks,omitempty"`
	Categories  []categoryScore `json:"categories,omitempty"`
	Notes       []string        `json:"notes,omitempty"`
}

type categoryScore struct {
	ID      int64         `json:"id"`
	Name    string        `json:"name"`
	Objects int           `json:"objects"`
	Boxes   coco.Summary  `json:"boxes"`
	Masks   *coco.Summary `json:"masks,omitempty"`
}

// scoreDetections compares boxes, and masks where there are any.
func scoreDetections(truth *instances.Dataset, results []instances.Result, p coco.Params) (*detectionScore, error) {
	boxes, err := coco.Evaluate(truth, results, coco.Boxes, p)
	if err != nil {
		return nil, err
	}
	s := &detectionScore{Images: len(truth.Images), Objects: len(truth.Objects), Results: len(results), Boxes: boxes.Summary(), Notes: boxes.Notes}
	for k, c := range boxes.Categories {
		s.Categories = append(s.Categories, categoryScore{ID: c.ID, Name: c.Name, Objects: boxes.Objects(k, 0), Boxes: boxes.CategorySummary(k)})
	}
	if why := withoutMasks(truth, results); why != "" {
		s.Notes = append(s.Notes, "only boxes are scored: "+why)
		return s, nil
	}
	masks, err := coco.Evaluate(truth, results, coco.Masks, p)
	if err != nil {
		return nil, err
	}
	summary := masks.Summary()
	s.Masks = &summary
	for k := range s.Categories {
		summary := masks.CategorySummary(k)
		s.Categories[k].Masks = &summary
	}
	return s, nil
}

// withoutMasks says why masks cannot be compared. Results that have some masks, but not all, are an error elsewhere.
func withoutMasks(truth *instances.Dataset, results []instances.Result) string {
	if len(results) > 0 && !slices.ContainsFunc(results, func(r instances.Result) bool { return !r.Shape.None() }) {
		return "the results have no segmentations"
	}
	lacking, first := 0, 0
	for i, o := range truth.Objects {
		if o.Shape.None() {
			if lacking == 0 {
				first = i
			}
			lacking++
		}
	}
	if lacking == 0 {
		return ""
	}
	return fmt.Sprintf("%d of %d annotations have no segmentation, the first is annotations[%d]", lacking, len(truth.Objects), first)
}

// summaryLines name the twelve numbers.
var summaryLines = [12]string{
	"AP", "AP50", "AP75", "AP, small", "AP, medium", "AP, large",
	"AR, 1 detection", "AR, 10 detections", "AR, 100 detections", "AR, small", "AR, medium", "AR, large",
}

func (s *detectionScore) print(w io.Writer) error {
	fmt.Fprintf(w, "%d images, %d objects, %d results\n", s.Images, s.Objects, s.Results)
	for _, n := range s.Notes {
		fmt.Fprintln(w, n)
	}
	t := tabwriter.NewWriter(w, 0, 0, 3, ' ', tabwriter.AlignRight)
	columns := [][12]float64{s.Boxes.Numbers()}
	fmt.Fprint(t, "\tboxes\t")
	if s.Masks != nil {
		columns = append(columns, s.Masks.Numbers())
		fmt.Fprint(t, "masks\t")
	}
	fmt.Fprintln(t)
	for i, name := range summaryLines {
		fmt.Fprintf(t, "%s\t", name)
		for _, numbers := range columns {
			fmt.Fprintf(t, "%s\t", share(numbers[i]))
		}
		fmt.Fprintln(t)
	}
	if err := t.Flush(); err != nil || s.Categories == nil {
		return err
	}
	return s.printCategories(w)
}

func (s *detectionScore) printCategories(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	fmt.Fprint(t, "\ncategory\tobjects\tbox AP\tAP50\tAP75\tAR")
	if s.Masks != nil {
		fmt.Fprint(t, "\tmask AP\tAP50\tAP75\tAR")
	}
	fmt.Fprintln(t)
	for _, c := range s.Categories {
		fmt.Fprintf(t, "%s\t%d\t%s", c.Name, c.Objects, shares(c.Boxes))
		if c.Masks != nil {
			fmt.Fprintf(t, "\t%s", shares(*c.Masks))
		}
		fmt.Fprintln(t)
	}
	return t.Flush()
}

func shares(s coco.Summary) string {
	return fmt.Sprintf("%s\t%s\t%s\t%s", share(s.AP), share(s.AP50), share(s.AP75), share(s.AR100))
}

// share shows a share of 1, or that there is none.
func share(v float64) string {
	if v < 0 {
		return "-"
	}
	return strconv.FormatFloat(v, 'f', 4, 64)
}
