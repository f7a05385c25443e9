// SPDX-License-Identifier: MIT

package featurefile

import (
	"encoding/binary"
	"encoding/json"
	"io"
	"math"
)

// safetensors writes a tensor [rows, width] for each column (https://github.com/huggingface/safetensors, "Format").
func (p *Pending) safetensors(out io.Writer, t Table) error {
	type entry struct {
		DType   string   `json:"dtype"`
		Shape   [2]int64 `json:"shape"`
		Offsets [2]int64 `json:"data_offsets"`
	}
	header := map[string]any{"__metadata__": t.Metadata}
	at := int64(0)
	for _, c := range t.Columns {
		size := p.state.Rows * c.Width * 4
		header[c.Name] = entry{"F32", [2]int64{p.state.Rows, c.Width}, [2]int64{at, at + size}}
		at += size
	}
	text, err := json.Marshal(header)
	if err != nil {
		return err
	}
	for len(text)%8 != 0 { // the data begin at a multiple of eight bytes
		text = append(text, ' ')
	}
	if _, err := out.Write(append(binary.LittleEndian.AppendUint64(nil, uint64(len(text))), text...)); err != nil {
		return err
	}
	at = 0
	var raw []byte
	for _, c := range t.Columns {
		err := p.column(at, c.Width, func(values []float32) error {
			raw = raw[:0]
			for _, v := range values {
				raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v))
			}
			_, err := out.Write(raw)
			return err
		})
		if err != nil {
			return err
		}
		at += c.Width
	}
	return nil
}
