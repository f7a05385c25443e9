// SPDX-License-Identifier: MIT

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"seer/data/loader"
	"seer/data/source"
	"seer/eval"
	"seer/eval/featurefile"
	"seer/internal/release"
	"seer/torch"
)

// featurePass is one pass of a trunk over images, for a file or a search.
type featurePass struct {
	c        *cli.Context
	backbone *eval.Backbone
	columns  []featurefile.Column
	progress *bars
	images   eval.Images
}

// run computes the features, writes them where --out asks for it, and searches among them.
func (p *featurePass) run() (err error) {
	if p.images, err = openImages(p.c, p.progress, "features"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.images.Source.Close()) }()
	p.see(&p.images)
	out := p.c.String("out")
	if out == "" { // for the search alone
		dir, err := os.MkdirTemp("", "seer-features-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		out = filepath.Join(dir, "features")
	}
	pending, err := p.compute(out)
	p.progress.finish()
	if err != nil {
		return err
	}
	if err := p.use(pending, out); err != nil {
		return errors.Join(err, pending.Keep())
	}
	return pending.Drop()
}

// see says what the trunk sees of images.
func (p *featurePass) see(im *eval.Images) {
	im.Resize, im.Crop, im.Orient = p.c.Int("resize"), p.c.Int("size"), p.c.Bool("exif-orientation")
	if im.Resize == 0 {
		im.Resize = im.Crop * 256 / 224
	}
}

// compute goes on with the features that are to become out, or begins. What a stop leaves is kept; features that cannot be
// are not.
func (p *featurePass) compute(out string) (*featurefile.Pending, error) {
	digest, err := p.backbone.Digest()
	if err != nil {
		return nil, err
	}
	im := &p.images
	key := fmt.Sprintln(digest, source.Fingerprint(im.Source), im.Resize, im.Crop, im.Orient)
	pending, err := featurefile.Open(out, key, p.backbone.Width())
	if err != nil {
		return nil, err
	}
	im.Start, im.Bad = pending.State().Position, pending.State().Bad
	if im.Start > 0 {
		p.progress.warn(fmt.Sprintf("going on behind the first %d of %d images, whose features are in %s", im.Start, im.Len(), featurefile.Dir(out)))
	}
	bad, list := im.Bad, im.OnBad
	im.OnBad = func(b loader.Bad) { bad++; list(b) }
	var failed error // of the disk
	err = p.backbone.Each(p.c.Context, *im, func(batch *loader.Batch, x *torch.Tensor) error {
		failed = pending.Append(batch.Indices, x.Float32s(), batch.Position, bad)
		return failed
	})
	switch {
	case err == nil:
		return pending, nil
	case p.c.Context.Err() != nil || failed != nil:
		return nil, errors.Join(fmt.Errorf("%w; the features of %d of %d images are in %s: the same command goes on there", err, pending.State().Position, im.Len(), featurefile.Dir(out)), pending.Keep())
	}
	return nil, errors.Join(err, pending.Drop())
}

// use makes of the features what was asked for.
func (p *featurePass) use(pending *featurefile.Pending, out string) error {
	if p.c.String("out") != "" {
		if err := p.write(pending, out); err != nil {
			return err
		}
	}
	if !p.c.IsSet("search") {
		return nil
	}
	var images []int64
	s, err := p.newSearch()
	if err != nil {
		return err
	}
	err = pending.Each(func(numbers []int64, values []float32) error {
		images = append(images, numbers...)
		s.Add(values)
		return p.c.Context.Err()
	})
	if err != nil {
		return err
	}
	return p.found(s.Hits(), func(row int64) string { return p.images.Source.Name(images[row]) },
		func(row int64) (int64, bool) { return images[row], true })
}

// write takes the features to their file and says what is in it.
func (p *featurePass) write(pending *featurefile.Pending, out string) error {
	err := pending.Export(out, featurefile.Table{
		Columns: p.columns, Name: p.images.Source.Name,
		Metadata: map[string]string{"seer": release.Version, "arch": p.backbone.Origin.Arch, "weights": p.backbone.Origin.String(), "size": fmt.Sprint(p.images.Crop)},
	})
	if err != nil {
		return err
	}
	var shapes []string
	for _, c := range p.columns {
		shapes = append(shapes, fmt.Sprintf("%s float32 [%d, %d]", c.Name, pending.State().Rows, c.Width))
	}
	to := p.c.App.Writer
	if p.c.Bool("json") {
		to = p.c.App.ErrWriter
	}
	_, err = fmt.Fprintf(to, "%s: %s of %s (%s)\n", strings.Join(featurefile.Files(out, p.columns), ", "), strings.Join(shapes, ", "),
		p.backbone.Origin.Arch, p.backbone.Origin)
	return err
}
