// SPDX-License-Identifier: MIT

package checkpoint_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/checkpoint"
)

// shard writes a safetensors file of one-element tensors whose value is its number.
func shard(t *testing.T, path string, number float32, names ...string) {
	t.Helper()
	var tensors []checkpoint.Tensor
	for _, name := range names {
		x, err := checkpoint.FromFloat32(name, []float32{number}, 1)
		require.NoError(t, err)
		tensors = append(tensors, x)
	}
	require.NoError(t, checkpoint.WriteSafetensors(path, tensors, map[string]string{"format": "pt"}))
}

// index writes transformers' list of shards.
func index(t *testing.T, path string, weightMap map[string]string) {
	t.Helper()
	data, err := json.Marshal(map[string]any{"metadata": map[string]any{"total_size": 12}, "weight_map": weightMap})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, data, 0o644))
}

const first, second = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"

// inShards is a folder as transformers writes it, with configuration and all.
func inShards(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	shard(t, filepath.Join(dir, first), 1, "a", "b")
	shard(t, filepath.Join(dir, second), 2, "c")
	index(t, filepath.Join(dir, "model.safetensors.index.json"), map[string]string{"a": first, "b": first, "c": second})
	require.NoError(t, os.WriteFile(filepath.Join(dir, "config.json"), []byte("{}"), 0o644))
	return dir
}

func TestOpenShards(t *testing.T) {
	dir := inShards(t)
	list := filepath.Join(dir, "model.safetensors.index.json")
	for _, path := range []string{dir, list} {
		f, err := checkpoint.Open(path)
		require.NoError(t, err)
		defer f.Close()
		assert.Equal(t, "2 shards of safetensors", f.Format())
		assert.Equal(t, list, f.Path())
		for name, want := range map[string]float32{"a": 1, "b": 1, "c": 2} {
			x, err := f.Read(name)
			require.NoError(t, err)
			values, err := x.Float32()
			require.NoError(t, err)
			assert.Equal(t, []float32{want}, values)
		}
		assert.Len(t, f.Infos(), 3)
		assert.Equal(t, "pt", f.Metadata()["format"])
		n, err := f.NotFinite("c")
		require.NoError(t, err)
		assert.Zero(t, n)
	}
	require.NoError(t, os.Remove(list))
	f, err := checkpoint.Open(dir)
	require.NoError(t, err, "a whole set needs no index")
	defer f.Close()
	assert.Len(t, f.Infos(), 3)

	f, err = checkpoint.Open(filepath.Join(dir, second))
	require.NoError(t, err, "one shard may be looked at")
	defer f.Close()
	assert.Len(t, f.Infos(), 1)
	assert.Equal(t, []string{"this is shard 2 of 2: name their folder to see them all"}, f.Notes())
}

func TestOpenShardsOfPickles(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"state.pth", "vissl_legacy.pth"} {
		data, err := os.ReadFile("testdata/" + name)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), data, 0o644))
	}
	index(t, filepath.Join(dir, "pytorch_model.bin.index.json"), map[string]string{"conv.weight": "state.pth", "loss.queue": "vissl_legacy.pth"})
	f, err := checkpoint.Open(dir)
	require.NoError(t, err)
	defer f.Close()
	want, _, err := checkpoint.ReadPickle("testdata/vissl_legacy.pth")
	require.NoError(t, err)
	got, err := f.Read("loss.queue")
	require.NoError(t, err)
	assert.Equal(t, want[0], got)
}

func TestOpenShardsRefuses(t *testing.T) {
	tests := map[string]struct {
		change func(dir string)
		want   []string
	}{
		"missing shard": {func(dir string) { os.Remove(filepath.Join(dir, second)) }, []string{"1 of 2 shards are missing from", second}},
		"missing shard, no index": {func(dir string) {
			os.Remove(filepath.Join(dir, second))
			os.Remove(filepath.Join(dir, "model.safetensors.index.json"))
			shard(t, filepath.Join(dir, "model-00001-of-00003.safetensors"), 1, "x")
			os.Remove(filepath.Join(dir, first))
			shard(t, filepath.Join(dir, "model-00002-of-00003.safetensors"), 1, "y")
		}, []string{"1 of 3 shards are missing", "model-00003-of-00003.safetensors"}},
		"cut shard":     {func(dir string) { os.Truncate(filepath.Join(dir, second), 20) }, []string{second, "truncated"}},
		"key elsewhere": {func(dir string) { shard(t, filepath.Join(dir, second), 2, "d") }, []string{`tensor "c": should be in ` + second}},
		"key twice":     {func(dir string) { shard(t, filepath.Join(dir, second), 2, "a", "c") }, []string{second, `tensor "a": is in an earlier shard, too`}},
		"outside": {func(dir string) {
			index(t, filepath.Join(dir, "model.safetensors.index.json"), map[string]string{"a": "../x.safetensors"})
		}, []string{`names the shard "../x.safetensors", which does not lie beside it`}},
		"absolute": {func(dir string) {
			index(t, filepath.Join(dir, "model.safetensors.index.json"), map[string]string{"a": "/etc/passwd"})
		}, []string{"does not lie beside it"}},
		"itself": {func(dir string) {
			index(t, filepath.Join(dir, "model.safetensors.index.json"), map[string]string{"a": "model.safetensors.index.json"})
		}, []string{"is a JSON document"}},
		"no map": {func(dir string) {
			os.WriteFile(filepath.Join(dir, "model.safetensors.index.json"), []byte(`{"metadata":{}}`), 0o644)
		}, []string{"without a weight_map"}},
		"no JSON": {func(dir string) {
			os.WriteFile(filepath.Join(dir, "model.safetensors.index.json"), []byte(`{"weight_map":`), 0o644)
		}, []string{"index of shards: unexpected end"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			dir := inShards(t)
			tt.change(dir)
			_, err := checkpoint.Open(dir)
			require.Error(t, err)
			for _, want := range tt.want {
				assert.ErrorContains(t, err, want)
			}
		})
	}
}

func TestOpenFolder(t *testing.T) {
	tests := map[string]struct {
		files []string
		opens string // the file that is taken, or
		err   string
	}{
		"one file":          {files: []string{"regnet.pth", "README.md", "optimizer.pt", "training_args.bin"}, opens: "regnet.pth"},
		"transformers":      {files: []string{"model.safetensors", "pytorch_model.bin", "tf_model.h5", "config.json"}, opens: "model.safetensors"},
		"pickle only":       {files: []string{"pytorch_model.bin", "scheduler.pt", "rng_state.pth"}, opens: "pytorch_model.bin"},
		"several":           {files: []string{"epoch1.pth", "epoch2.pth"}, err: "holds 2 files of weights: name one of them (epoch1.pth, epoch2.pth)"},
		"pictures":          {files: []string{"a.jpg", "b.jpg"}, err: "holds no weights (a.jpg, b.jpg): name a run folder"},
		"nothing":           {err: "holds no weights: name a run folder"},
		"torch.distributed": {files: []string{".metadata", "__0_0.distcp"}, err: "dcp_to_torch"},
		"DeepSpeed":         {files: []string{"zero_to_fp32.py", "latest"}, err: "python zero_to_fp32.py"},
		"DeepSpeed's step":  {files: []string{"mp_rank_00_model_states.pt", "zero_pp_rank_0_mp_rank_00_optim_states.pt"}, err: "DeepSpeed in pieces"},
		"TensorFlow":        {files: []string{"saved_model.pb"}, err: "TensorFlow"},
		"hub's cache":       {files: []string{"snapshots", "refs"}, err: "name the folder below"},
		"hidden":            {files: []string{"._regnet.pth", "regnet.pth"}, opens: "regnet.pth"},
		"two sets":          {files: []string{"a-00001-of-00002.pth", "b-00001-of-00002.pth"}, err: "holds 2 files of weights"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for _, file := range tt.files {
				shard(t, filepath.Join(dir, file), 1, "a")
			}
			f, err := checkpoint.Open(dir)
			if tt.err != "" {
				require.ErrorContains(t, err, dir+": ")
				require.ErrorContains(t, err, tt.err)
				return
			}
			require.NoError(t, err)
			defer f.Close()
			assert.Equal(t, filepath.Join(dir, tt.opens), f.Path())
			if name == "transformers" {
				assert.Equal(t, []string{"took model.safetensors of the folder's files of weights (pytorch_model.bin)"}, f.Notes())
			}
		})
	}
}

func TestShardNames(t *testing.T) {
	for name, want := range map[string]string{
		"model-00001-of-00002.safetensors": "1 of 2", "dir/pytorch_model-00010-of-00033.bin": "10 of 33", "model.safetensors": "0 of 0",
		"train-000001.tar": "0 of 0", "a-1-of-2.pth": "0 of 0",
	} {
		number, of := checkpoint.Shard(name)
		assert.Equal(t, want, fmt.Sprint(number, " of ", of), name)
	}
}

// To open a FIFO waits for a writer, who may never come.
func TestOpenRefusesWhatIsNoFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fifo")
	require.NoError(t, syscall.Mkfifo(path, 0o644))
	for _, p := range []string{path, "/dev/null"} {
		_, err := checkpoint.Open(p)
		require.ErrorContains(t, err, p+": is no regular file")
	}
}

func FuzzShardIndex(f *testing.F) {
	f.Add([]byte(`{"metadata":{"total_size":1},"weight_map":{"a":"model-00001-of-00001.safetensors"}}`))
	f.Add([]byte(`{"weight_map":{"a":"../../x"}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		dir := t.TempDir()
		shard(t, filepath.Join(dir, "model-00001-of-00001.safetensors"), 1, "a")
		path := filepath.Join(dir, "model.safetensors.index.json")
		require.NoError(t, os.WriteFile(path, data, 0o644))
		file, err := checkpoint.Open(path)
		if err != nil {
			require.True(t, strings.Contains(err.Error(), dir), err)
			return
		}
		require.Len(t, file.Infos(), 1)
		require.NoError(t, file.Close())
	})
}
