// SPDX-License-Identifier: MIT

package checkpoint

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// usual are the names under which weights are published in a folder, in the order
// in which transformers looks for them.
var usual = []string{"model.safetensors", "model.safetensors" + indexSuffix, "pytorch_model.bin", "pytorch_model.bin" + indexSuffix}

// auxiliary are the beginnings of what training programs keep beside weights.
var auxiliary = []string{"optimizer", "scheduler", "training_args", "rng_state", "random_states", "scaler", "sampler", "trainer_state"}

// openFolder opens the weights that a folder holds.
func openFolder(dir string) (*File, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	present := make([]string, len(entries))
	for i, e := range entries {
		present[i] = e.Name()
	}
	if problem := foreignFolder(dir, present); problem != "" {
		return nil, formatErrorf(dir, "", "%s", problem)
	}
	found := slices.DeleteFunc(slices.Clone(present), func(name string) bool { return !isWeights(name) })
	for _, name := range usual {
		if slices.Contains(present, name) {
			return openFrom(dir, name, found)
		}
	}
	indexes := slices.DeleteFunc(slices.Clone(present), func(name string) bool { return !strings.HasSuffix(name, indexSuffix) })
	switch {
	case len(indexes) == 1:
		return openIndex(filepath.Join(dir, indexes[0]))
	case len(found) == 1:
		return openFrom(dir, found[0], nil)
	case len(found) == 0:
		return nil, formatErrorf(dir, "", "holds no weights%s: name a run folder, a checkpoint of one, a file, or the folder of one", listed(present))
	}
	if set, ok := oneSet(found); ok {
		return openShards(dir, dir, set)
	}
	return nil, formatErrorf(dir, "", "holds %d files of weights: name one of them%s", len(found), listed(found))
}

// openFrom opens a folder's weights and says what else was there.
func openFrom(dir, name string, found []string) (*File, error) {
	f, err := openPath(filepath.Join(dir, name))
	if err != nil {
		return nil, err
	}
	passed := slices.DeleteFunc(slices.Clone(found), func(other string) bool { return other == name })
	if _, of := Shard(f.path); len(passed) > 0 && of == 0 && !strings.HasSuffix(name, indexSuffix) {
		f.notes = append(f.notes, fmt.Sprintf("took %s of the folder's files of weights%s", name, listed(passed)))
	}
	return f, nil
}

// listed is like " (a, b, …)".
func listed(names []string) string {
	if len(names) == 0 {
		return ""
	}
	const shown = 10
	more := ""
	if len(names) > shown {
		more = ", …"
	}
	return " (" + strings.Join(names[:min(len(names), shown)], ", ") + more + ")"
}

// isWeights tells by the name.
func isWeights(name string) bool {
	ext := filepath.Ext(name)
	if !slices.Contains(weightExtensions, ext) || ext == ".tar" && !strings.HasSuffix(name, ".pth.tar") || strings.HasPrefix(name, ".") {
		return false
	}
	return !slices.ContainsFunc(auxiliary, func(prefix string) bool { return strings.HasPrefix(name, prefix) })
}

// oneSet completes the names of a set of shards that has lost its index.
func oneSet(found []string) ([]string, bool) {
	first := shardName.FindStringSubmatch(found[0])
	if first == nil {
		return nil, false
	}
	_, of := Shard(found[0])
	if of > maxShards {
		return nil, false
	}
	set := make([]string, of)
	for i := range set {
		set[i] = fmt.Sprintf("%s-%0*d-of-%s%s", first[1], len(first[2]), i+1, first[3], first[4])
	}
	for _, name := range found {
		if !slices.Contains(set, name) {
			return nil, false
		}
	}
	return set, true
}

// foreignFolder recognises checkpoints that only their own program can put
// together.
func foreignFolder(dir string, present []string) string {
	for _, name := range present {
		switch {
		case strings.HasSuffix(name, ".distcp"):
			return "is a checkpoint of torch.distributed in pieces: put it together with\n" +
				"  python -m torch.distributed.checkpoint.format_utils dcp_to_torch " + dir + " weights.pth"
		case name == "zero_to_fp32.py", strings.HasSuffix(name, "_optim_states.pt"):
			return "is a checkpoint of DeepSpeed in pieces: put it together with\n" +
				"  python zero_to_fp32.py " + dir + " weights\nthe script that DeepSpeed writes beside it"
		case name == "snapshots":
			return "is a model in the cache of the Hugging Face hub: name the folder below " + filepath.Join(dir, name)
		case name == "saved_model.pb":
			return "is a model of TensorFlow; weights of PyTorch or safetensors are needed"
		}
	}
	return ""
}
