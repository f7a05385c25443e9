// SPDX-License-Identifier: MIT

package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"

	"seer/data/formats"
	"seer/data/jpeg"
)

// decoded is what became of one file, for formats.py.
type decoded struct {
	Name   string
	W, H   int            `json:",omitempty"`
	SHA256 string         `json:",omitempty"`
	Reason formats.Reason `json:",omitempty"`
	Error  string         `json:",omitempty"`
}

// decodeFiles decodes all files of a folder and writes a line for each.
func decodeFiles(dir, out string) (err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	f, err := os.Create(out)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	d := jpeg.NewDecoder(jpeg.DecodeOptions{})
	defer d.Close()
	w := json.NewEncoder(f)
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return err
		}
		if err := w.Encode(decodeFile(d, e.Name(), data)); err != nil {
			return err
		}
	}
	return nil
}

func decodeFile(d *jpeg.Decoder, name string, data []byte) decoded {
	img, err := d.Decode(data)
	if err != nil {
		return decoded{Name: name, Reason: formats.ReasonOf(err), Error: err.Error()}
	}
	sum := sha256.Sum256(img.Pix)
	return decoded{Name: name, W: img.W, H: img.H, SHA256: hex.EncodeToString(sum[:])}
}
