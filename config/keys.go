// SPDX-License-Identifier: MIT

package config

import (
	"encoding"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"seer/internal/nearest"
)

var textType = reflect.TypeFor[encoding.TextUnmarshaler]()

// Keys lists every key of the file in dotted form, in the order of the fields.
// Keys within arrays of tables stand without an index: "crops.size".
func Keys() []string { return keysOf(reflect.TypeFor[Experiment](), "") }

func keysOf(t reflect.Type, prefix string) []string {
	var keys []string
	for i := range t.NumField() {
		f := t.Field(i)
		key := prefix + keyName(f)
		switch inner := tableOf(f.Type); {
		case inner == nil:
			keys = append(keys, key)
		default:
			keys = append(keys, keysOf(inner, key+".")...)
		}
	}
	return keys
}

// keyName is the field's name in the file.
func keyName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("toml"), ",")
	return name
}

// tableOf is the struct behind a table or an array of tables, nil for a value.
func tableOf(t reflect.Type) reflect.Type {
	if t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || reflect.PointerTo(t).Implements(textType) {
		return nil
	}
	return t
}

// find follows a dotted path to a field. Entries of arrays of tables are named by
// their index: "crops.0.size".
func find(v reflect.Value, path string) (reflect.Value, error) {
	parts := strings.Split(path, ".")
	for i, part := range parts {
		next, err := child(v, part)
		if err == errIndex {
			return v, &indexError{list: strings.Join(parts[:i], "."), rest: parts[i:], entries: v.Len()}
		}
		if err != nil {
			return v, fmt.Errorf("%w%s", err, suggest(path))
		}
		v = next
	}
	return v, nil
}

// errIndex is a name, or a number that is too large, where a list of tables wants the number of an entry.
var errIndex = errors.New("no entry of that number")

// indexError is errIndex with its place.
type indexError struct {
	list    string   // the path of the list of tables
	rest    []string // of the path behind it
	entries int
}

func (e *indexError) Error() string {
	if e.entries == 0 {
		return fmt.Sprintf("index %q: %s has no entries", e.rest[0], e.list)
	}
	return fmt.Sprintf("index %q: the entries of %s are numbered, 0 to %d", e.rest[0], e.list, e.entries-1)
}

// toWrite is the error with what should be written to set a key to a value.
func (e *indexError) toWrite(value string) error {
	if e.entries == 0 {
		example := "{match = '.*', lr_mult = 1.0}"
		if e.list == "crops" {
			example = "{count = 2, size = 224, scale = [0.14, 1.0]}"
		}
		return fmt.Errorf("%w yet: write the whole list, %s=[%s]", e, e.list, example)
	}
	rest := e.rest
	if _, err := strconv.Atoi(rest[0]); err == nil && len(rest) > 1 {
		rest = rest[1:]
	}
	key := e.list + ".0." + strings.Join(rest, ".")
	return fmt.Errorf("%w: write %s=%s", e, key, value)
}

func child(v reflect.Value, part string) (reflect.Value, error) {
	if v.Kind() == reflect.Slice && tableOf(v.Type()) != nil {
		i, err := strconv.Atoi(part)
		if err != nil || i < 0 || i >= v.Len() {
			return v, errIndex
		}
		return v.Index(i), nil
	}
	if v.Kind() == reflect.Struct && tableOf(v.Type()) != nil {
		for i := range v.NumField() {
			if keyName(v.Type().Field(i)) == part {
				return v.Field(i), nil
			}
		}
	}
	return v, fmt.Errorf("unknown key")
}

// elsewhere are names that other programs give to keys of this one (VISSL, SwAV's and DINO's code, timm, Lightning).
var elsewhere = map[string]string{
	"lr": "optim.base_lr", "learning_rate": "optim.base_lr", "blr": "optim.base_lr", "final_lr": "schedule.end_factor", "min_lr": "schedule.end_factor",
	"wd": "optim.weight_decay", "batch_size": "optim.batch", "batchsize": "optim.batch", "batchsize_per_replica": "optim.batch", "bs": "optim.batch",
	"epochs": "train.duration", "num_epochs": "train.duration", "max_epochs": "train.duration", "steps": "train.duration", "max_steps": "train.duration",
	"warmup_epochs": "schedule.warmup", "warmup_steps": "schedule.warmup", "num_workers": "data.workers", "prefetch_factor": "data.prefetch",
	"data_path": "data.source", "data_dir": "data.source", "dataset": "data.source", "root": "data.source", "train_dir": "data.source",
	"output_dir": "run.dir", "out_dir": "run.dir", "checkpoint_dir": "run.dir", "dump_path": "run.dir", "save_dir": "run.dir",
	"nmb_prototypes": "swav.prototypes", "num_prototypes": "swav.prototypes", "k": "swav.prototypes", "feat_dim": "swav.out", "hidden_mlp": "swav.hidden",
	"freeze_prototypes_niters": "swav.freeze_prototypes", "crops_for_assign": "swav.assign_crops", "epsilon_sinkhorn": "swav.epsilon",
	"nmb_crops": "crops (count)", "size_crops": "crops (size)", "min_scale_crops": "crops (scale)", "max_scale_crops": "crops (scale)",
	"gpu": "run.device", "amp": "run.precision", "fp16": "run.precision", "bf16": "run.precision", "dtype": "run.precision", "use_fp16": "run.precision",
	"checkpoint_freq": "run.checkpoint_every", "save_freq": "run.checkpoint_every", "print_freq": "run.log_every", "log_frequency": "run.log_every",
}

// suggest names what may have been meant by an unknown key.
func suggest(path string) string {
	if strings.Contains(path, "accum") {
		return "; in fine-tuning that is train.accumulate; pretraining has none, because Sinkhorn-Knopp would balance each small batch by itself: use swav.queue_length"
	}
	last := path[strings.LastIndex(path, ".")+1:]
	if key := elsewhere[strings.ToLower(last)]; key != "" {
		return "; here that is " + key
	}
	near := nearest.Names(path, Keys(), 1)
	if len(near) == 0 {
		// The right name in the wrong table is the other frequent mistake.
		for _, key := range Keys() {
			if strings.HasSuffix(key, "."+last) {
				near = append(near, key)
			}
		}
	}
	if len(near) == 0 {
		return ""
	}
	return "; nearest: " + strings.Join(near, ", ")
}
