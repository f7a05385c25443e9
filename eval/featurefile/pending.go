// SPDX-License-Identifier: MIT

package featurefile

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"seer/internal/durable"
)

// State is how far the computation of features has come.
type State struct {
	// Key says of what the features are: another key begins anew.
	Key string `json:"key"`
	// Position is the number of images of the source that are done, and Bad how many of them could not be used.
	Position int64 `json:"position"`
	Bad      int64 `json:"bad"`
	// Rows are those that were written.
	Rows int64 `json:"rows"`
}

// Pending are features that are being computed: rows of float32 and the number of the image of each, in a folder beside
// the file that they will become. What was synced survives the end of the process.
type Pending struct {
	dir     string
	width   int64
	state   State
	rows    *os.File // float32, little endian
	indices *os.File // int64, little endian
	synced  time.Time
	scratch []byte
}

// syncEvery is how much work a stopped process may have to do again.
const syncEvery = 10 * time.Second

const stateFile = "state.json"

// Dir is the folder of the features that are to become a file.
func Dir(out string) string { return out + ".partial" }

// Open goes on with the features of width columns that are to become the file out, where they have the same key, and begins
// anew otherwise. A second process that computes the same file is refused.
func Open(out, key string, width int64) (*Pending, error) {
	p := &Pending{dir: Dir(out), width: width, state: State{Key: key}, synced: time.Now()}
	if _, err := durable.MkdirAll(durable.Disk, p.dir); err != nil {
		return nil, err
	}
	var err error
	if p.rows, err = p.open("rows.f32"); err != nil {
		return nil, err
	}
	if p.indices, err = p.open("images.i64"); err != nil {
		return nil, errors.Join(err, p.rows.Close())
	}
	if err := p.resume(key); err != nil {
		return nil, errors.Join(err, p.close())
	}
	return p, nil
}

func (p *Pending) open(name string) (*os.File, error) {
	return os.OpenFile(filepath.Join(p.dir, name), os.O_RDWR|os.O_CREATE, 0o644)
}

// resume locks the folder, reads how far it is, and drops what was written behind that.
func (p *Pending) resume(key string) error {
	if err := unix.Flock(int(p.rows.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return fmt.Errorf("%s: another process computes these features (%w); let it end, or choose another name", p.dir, err)
	}
	text, err := os.ReadFile(filepath.Join(p.dir, stateFile))
	var was State
	if err == nil && json.Unmarshal(text, &was) == nil && was.Key == key && p.holds(was) {
		p.state = was
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := errors.Join(p.rows.Truncate(p.state.Rows*p.width*4), p.indices.Truncate(p.state.Rows*8)); err != nil {
		return err
	}
	_, err = p.rows.Seek(0, io.SeekEnd)
	_, err2 := p.indices.Seek(0, io.SeekEnd)
	return errors.Join(err, err2)
}

// holds tells that the files have all the rows of a state.
func (p *Pending) holds(s State) bool {
	rows, err := p.rows.Stat()
	indices, err2 := p.indices.Stat()
	return err == nil && err2 == nil && s.Rows >= 0 && s.Bad >= 0 && s.Position >= s.Rows && s.Rows <= math.MaxInt64/p.width/4 &&
		rows.Size() >= s.Rows*p.width*4 && indices.Size() >= s.Rows*8
}

// State is how far it has come.
func (p *Pending) State() State { return p.state }

// Append adds the rows of some images, values [len(images), width], after which so many images of the source are done and
// bad ones among them were left out.
func (p *Pending) Append(images []int64, values []float32, position, bad int64) error {
	if int64(len(values)) != int64(len(images))*p.width {
		return fmt.Errorf("%s: %d values for %d images: %d are needed for each", p.dir, len(values), len(images), p.width)
	}
	p.scratch = p.scratch[:0]
	for _, v := range values {
		p.scratch = binary.LittleEndian.AppendUint32(p.scratch, math.Float32bits(v))
	}
	if _, err := p.rows.Write(p.scratch); err != nil {
		return err
	}
	p.scratch = p.scratch[:0]
	for _, i := range images {
		p.scratch = binary.LittleEndian.AppendUint64(p.scratch, uint64(i))
	}
	if _, err := p.indices.Write(p.scratch); err != nil {
		return err
	}
	p.state.Rows, p.state.Position, p.state.Bad = p.state.Rows+int64(len(images)), position, bad
	if time.Since(p.synced) < syncEvery {
		return nil
	}
	return p.Sync()
}

// Sync makes what was appended survive a power cut.
func (p *Pending) Sync() error {
	if err := errors.Join(p.rows.Sync(), p.indices.Sync()); err != nil {
		return err
	}
	p.synced = time.Now()
	return durable.WriteFile(filepath.Join(p.dir, stateFile), func(w io.Writer) error { return json.NewEncoder(w).Encode(p.state) })
}

// chunk is how many bytes of rows are read at a time.
const chunk = 4 << 20

// Each hands on all rows in order, some at a time; what it hands on is valid during the call.
func (p *Pending) Each(use func(images []int64, values []float32) error) error {
	per := max(1, chunk/(4*p.width))
	raw, numbers := make([]byte, per*p.width*4), make([]byte, per*8)
	images, values := make([]int64, per), make([]float32, per*p.width)
	for at := int64(0); at < p.state.Rows; at += per {
		n := min(per, p.state.Rows-at)
		if _, err := p.rows.ReadAt(raw[:n*p.width*4], at*p.width*4); err != nil {
			return err
		}
		if _, err := p.indices.ReadAt(numbers[:n*8], at*8); err != nil {
			return err
		}
		for i := range n {
			images[i] = int64(binary.LittleEndian.Uint64(numbers[8*i:]))
		}
		for i := range n * p.width {
			values[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
		}
		if err := use(images[:n], values[:n*p.width]); err != nil {
			return err
		}
	}
	return nil
}

// Keep closes the features so that the same call can go on with them.
func (p *Pending) Keep() error { return errors.Join(p.Sync(), p.close()) }

// Drop removes them: a file holds them now, or they are no good.
func (p *Pending) Drop() error { return errors.Join(p.close(), durable.RemoveAll(durable.Disk, p.dir)) }

func (p *Pending) close() error { return errors.Join(p.rows.Close(), p.indices.Close()) }
