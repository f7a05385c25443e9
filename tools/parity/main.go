// SPDX-License-Identifier: MIT

// Command parity renders crops of real images, one operation at a time and all
// together, for tools/parity/compare.py to render again with PIL and torchvision.
//
//	go run ./tools/parity --images DIR --out crops && python3 tools/parity/compare.py crops
//
// With --files it decodes files of all formats instead, for tools/parity/formats.py,
// which runs it; with --labelled it lists a labelled data set, for tools/parity/labelled.py.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"seer/data/augment"
	"seer/data/jpeg"
	"seer/data/labelled"
)

// operations are what is compared, each after a random crop.
var operations = []struct {
	name  string
	group augment.Group
}{
	{"resize, flip", augment.Group{}},
	{"brightness", augment.Group{Jitter: augment.Jitter{P: 1, Brightness: .8}}},
	{"contrast", augment.Group{Jitter: augment.Jitter{P: 1, Contrast: .8}}},
	{"saturation", augment.Group{Jitter: augment.Jitter{P: 1, Saturation: .8}}},
	{"hue", augment.Group{Jitter: augment.Jitter{P: 1, Hue: .2}}},
	{"grey", augment.Group{Gray: 1}},
	{"blur", augment.Group{Blur: augment.Blur{P: 1, Min: .1, Max: 2}}},
	{"all of SwAV", augment.Views(1, 224, .14, 1)},
}

// record tells compare.py what was rendered; the pixels are in crops.bin, in the
// same order.
type record struct {
	File, Op string
	Crop     augment.Crop
}

func spec() augment.MultiCrop {
	var s augment.MultiCrop
	for _, op := range operations {
		for _, size := range []int{224, 96} {
			g := op.group
			g.Count, g.Size, g.Flip, g.Scale = 1, size, .5, [2]float64{.05, 1}
			s.Groups = append(s.Groups, g)
		}
	}
	s.Groups = append(s.Groups, augment.Eval(256, 224).Groups[0])
	return s
}

func opName(i int) string {
	if i/2 < len(operations) {
		return operations[i/2].name
	}
	return "resize, centre crop"
}

func main() {
	images := flag.String("images", "", "folder with JPEG files")
	files := flag.String("files", "", "folder with image files to decode; --out is then a file of JSON lines")
	set := flag.String("labelled", "", "folder of a labelled data set to list; --out is then a file of JSON lines")
	var o labelled.SetOptions
	flag.StringVar(&o.Kind, "kind", "", "kind of the data set")
	flag.StringVar(&o.Split, "split", "", "part of the data set")
	flag.StringVar(&o.Images, "set-images", "", "folder of its images")
	flag.StringVar(&o.Annotations, "set-annotations", "", "its file of labels")
	out := flag.String("out", "crops", "folder to write crops.json and crops.bin to")
	flag.Parse()
	work := func() error { return run(*images, *out) }
	switch {
	case *files != "":
		work = func() error { return decodeFiles(*files, *out) }
	case *set != "":
		work = func() error { return listLabelled(*set, o, *out) }
	}
	if err := work(); err != nil {
		fmt.Fprintln(os.Stderr, "parity:", err)
		os.Exit(1)
	}
}

func run(images, out string) (err error) {
	names, err := filepath.Glob(filepath.Join(images, "*.[jJ][pP]*[gG]"))
	if err != nil || len(names) == 0 {
		return fmt.Errorf("%q holds no JPEG files; --images names a folder that does", images)
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	pixels, err := os.Create(filepath.Join(out, "crops.bin"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, pixels.Close()) }()
	index, err := os.Create(filepath.Join(out, "crops.json"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, index.Close()) }()
	d := jpeg.NewDecoder(jpeg.DecodeOptions{})
	defer d.Close()
	w := bufio.NewWriterSize(pixels, 1<<20)
	for i, name := range names {
		if err := render(d, name, int64(i), w, json.NewEncoder(index)); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return w.Flush()
}

func render(d *jpeg.Decoder, name string, i int64, w io.Writer, index *json.Encoder) error {
	data, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	s := spec()
	var crops []augment.Crop
	draw := func(wd, ht int) []augment.Crop {
		crops = s.Append(nil, 0, 0, i, wd, ht)
		return crops
	}
	buf := make([]byte, s.Bytes())
	var dsts [][]byte
	at := 0
	for _, g := range s.Groups {
		n := g.Size * g.Size * 3
		dsts = append(dsts, buf[at:at+n])
		at += n
	}
	if err := d.DecodeAndRender(data, draw, dsts, nil); err != nil {
		return err
	}
	for k, c := range crops {
		if err := index.Encode(record{name, opName(k), c}); err != nil {
			return err
		}
	}
	_, err = w.Write(buf)
	return err
}
