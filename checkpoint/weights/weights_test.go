// SPDX-License-Identifier: MIT

package weights_test

import (
	"encoding/binary"
	"encoding/json"
	"io"
	"math"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/checkpoint"
	"seer/checkpoint/names"
	"seer/checkpoint/weights"
	"seer/models/regnet/arch"
)

// small has four stages in 0.3 M parameters.
var small = arch.Params{Depth: 6, W0: 16, WA: 16, WM: 2.2, GroupWidth: 8}

// want is the state dict of a trunk with a classifier.
func want(p arch.Params, classes int) []checkpoint.Info {
	var infos []checkpoint.Info
	for _, e := range append(p.Manifest(), p.Classifier(classes)...) {
		info := checkpoint.Info{Name: e.Name, DType: checkpoint.F32, Shape: e.Shape}
		if e.Integer {
			info.DType = checkpoint.I64
		}
		infos = append(infos, info)
	}
	return infos
}

// zeros is a safetensors file of zeros that exists only as its header, so that
// networks of any size can be tested.
type zeros struct {
	header []byte
	size   int64
}

func (z zeros) ReadAt(p []byte, at int64) (int, error) {
	if at >= z.size {
		return 0, io.EOF
	}
	clear(p)
	if at < int64(len(z.header)) {
		copy(p, z.header[at:])
	}
	return int(min(int64(len(p)), z.size-at)), nil
}

func zeroFile(t *testing.T, infos []checkpoint.Info) *checkpoint.File {
	t.Helper()
	entries, at := map[string]any{}, int64(0)
	for _, info := range infos {
		entries[info.Name] = map[string]any{"dtype": info.DType, "shape": append([]int64{}, info.Shape...), "data_offsets": []int64{at, at + info.Bytes()}}
		at += info.Bytes()
	}
	text, err := json.Marshal(entries)
	require.NoError(t, err)
	header := append(binary.LittleEndian.AppendUint64(nil, uint64(len(text))), text...)
	f, err := checkpoint.OpenReader(zeros{header, int64(len(header)) + at}, int64(len(header))+at, "weights.safetensors")
	require.NoError(t, err)
	return f
}

// spelled renames infos to a style behind a wrapper.
func spelled(t *testing.T, infos []checkpoint.Info, style names.Style, wrapper string) []checkpoint.Info {
	t.Helper()
	var out []checkpoint.Info
	for _, info := range infos {
		name, ok := names.FromTorchvision(style, info.Name)
		if !ok {
			require.True(t, strings.HasPrefix(info.Name, "fc."))
			continue
		}
		info.Name = wrapper + name
		out = append(out, info)
	}
	return out
}

func TestMatchAnyStyle(t *testing.T) {
	model := want(small, 10)
	for _, style := range names.Styles() {
		for _, wrapper := range []string{"", "module.", "state_dict.model."} {
			f := zeroFile(t, spelled(t, model, style, wrapper))
			plan, err := weights.Match(f, model, weights.MatchOptions{AllowMissing: regexp.MustCompile(`^fc\.`)})
			require.NoError(t, err)
			assert.Equal(t, style, plan.Detection.Style)
			assert.Len(t, plan.Entries, len(f.Infos()))
			assert.Empty(t, plan.LeftOut)
			first, err := plan.Read(0)
			require.NoError(t, err)
			assert.Equal(t, "stem.0.weight", first.Name)
			assert.Equal(t, []int64{32, 3, 3, 3}, first.Shape)
		}
	}
}

// A VISSL checkpoint holds a head, an optimizer and a loss beside the trunk.
func TestMatchLeavesOtherPartsOut(t *testing.T) {
	const base = "classy_state_dict.base_model.model."
	trunk := want(small, 10)[:len(small.Manifest())]
	infos := spelled(t, trunk, names.VISSL, base+"trunk.")
	extra := []string{base + "heads.0.prototypes0.weight", base + "heads.0.clf.0.bias", "classy_state_dict.optimizer.state.0.momentum_buffer", "loss.queue"}
	for _, name := range extra {
		infos = append(infos, checkpoint.Info{Name: name, DType: checkpoint.F32, Shape: []int64{1}})
	}
	plan, err := weights.Match(zeroFile(t, infos), trunk, weights.MatchOptions{})
	require.NoError(t, err)
	assert.ElementsMatch(t, extra, plan.LeftOut)

	prototypes := append(trunk, checkpoint.Info{Name: "prototypes0.weight", DType: checkpoint.F32, Shape: []int64{1}})
	plan, err = weights.Match(zeroFile(t, infos), prototypes, weights.MatchOptions{})
	require.NoError(t, err, "a model that has the part gets it")
	assert.ElementsMatch(t, extra[1:], plan.LeftOut)

	plan, err = weights.Match(zeroFile(t, infos), prototypes[len(trunk):], weights.MatchOptions{})
	require.NoError(t, err, "a head may be loaded alone")
	assert.Len(t, plan.Entries, 1)
	assert.Len(t, plan.LeftOut, len(infos)-1)

	infos = append(infos, checkpoint.Info{Name: base + "trunk._feature_blocks.res6.new.weight", DType: checkpoint.F32})
	_, err = weights.Match(zeroFile(t, infos), trunk, weights.MatchOptions{})
	require.ErrorContains(t, err, "1 unknown to the model:\n  "+base+"trunk._feature_blocks.res6.new.weight")
}

// behind puts a prefix in front of names.
func behind(prefix string, infos []checkpoint.Info) []checkpoint.Info {
	var out []checkpoint.Info
	for _, info := range infos {
		info.Name = prefix + info.Name
		out = append(out, info)
	}
	return out
}

// Of several trunks the preferred one is taken, and that is said; a prefix chooses
// another; one that does not fit is passed over for one that does.
func TestMatchChoosesATrunk(t *testing.T) {
	trunk := want(small, 10)[:len(small.Manifest())]
	larger := want(arch.Params{Depth: 7, W0: 16, WA: 16, WM: 2.2, GroupWidth: 8}, 10)
	twins := append(behind("student.module.backbone.", want(small, 10)), behind("teacher.backbone.", want(small, 10))...)
	tests := map[string]struct {
		infos  []checkpoint.Info
		prefix string
		taken  string // prefix of the sources, or
		err    string
	}{
		"teacher first":       {twins, "", "teacher.backbone.", ""},
		"student by name":     {twins, "student.", "student.module.backbone.", ""},
		"without the dot":     {twins, "student", "student.module.backbone.", ""},
		"whole prefix":        {twins, "student.module.backbone.", "student.module.backbone.", ""},
		"no such prefix":      {twins, "online.", "", `has no trunk of a RegNet below "online."`},
		"part of a word":      {twins, "stud", "", `has no trunk of a RegNet below "stud"`},
		"larger teacher":      {append(behind("teacher.", larger), behind("student.", trunk)...), "", "student.", ""},
		"larger one, by name": {append(behind("teacher.", larger), behind("student.", trunk)...), "teacher", "", "unknown to the model"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			plan, err := weights.Match(zeroFile(t, tt.infos), trunk, weights.MatchOptions{Prefix: tt.prefix})
			if tt.err != "" {
				require.ErrorContains(t, err, tt.err)
				return
			}
			require.NoError(t, err)
			for _, e := range plan.Entries {
				require.True(t, strings.HasPrefix(e.Source, tt.taken), e.Source)
			}
			require.Len(t, plan.Notes, 1)
			assert.Contains(t, plan.Notes[0], "took the trunk below "+strconv.Quote(tt.taken)+"; --prefix chooses another: ")
		})
	}
}

// What programs keep beside a trunk, and what profilers leave in it, keeps no trunk
// from being loaded.
func TestMatchIgnoresWhatStandsBeside(t *testing.T) {
	trunk := want(small, 10)[:len(small.Manifest())]
	one := func(name string) checkpoint.Info {
		return checkpoint.Info{Name: name, DType: checkpoint.F32, Shape: []int64{1}}
	}
	for _, prefix := range []string{"", "module.encoder_q."} {
		infos := behind(prefix, trunk)
		for _, name := range []string{"fc.0.weight", "fc.2.bias", "projection_head.layers.0.weight", "head.mlp.0.weight", "predictor.0.bias",
			"queue", "queue_ptr", "optimizer.state.0.exp_avg", "norm.weight", "total_ops", "stem.0.total_params"} {
			infos = append(infos, one(prefix+name))
		}
		infos = append(infos, one("momentum_net.3.weight"))
		if prefix == "" {
			infos = infos[:len(infos)-1] // beside bare names it would belong to the model
		}
		plan, err := weights.Match(zeroFile(t, infos), trunk, weights.MatchOptions{})
		require.NoError(t, err)
		assert.Len(t, plan.LeftOut, len(infos)-len(trunk))
		assert.Equal(t, []string{"weights.safetensors: ignored 2 keys that no model has (" + prefix + "stem.0.total_params, " + prefix + "total_ops)"}, sorted(plan.Notes))
	}
}

func sorted(notes []string) []string {
	for i, n := range notes {
		if head, list, ok := strings.Cut(strings.TrimSuffix(n, ")"), "("); ok {
			keys := strings.Split(list, ", ")
			slices.Sort(keys)
			notes[i] = head + "(" + strings.Join(keys, ", ") + ")"
		}
	}
	return notes
}

func TestMatchNamesKeysThatAreTooMuch(t *testing.T) {
	p, err := arch.Lookup("regnet_y_400mf")
	require.NoError(t, err)
	infos := append(want(p, 10), checkpoint.Info{Name: "stem.extra.weight", DType: checkpoint.F32}, checkpoint.Info{Name: "layer5.weight", DType: checkpoint.F32})
	_, err = weights.Match(zeroFile(t, infos), want(p, 10), weights.MatchOptions{Arch: "regnet_y_400mf"})
	require.ErrorContains(t, err, "the file has 2 keys that the model does not have (stem.extra.weight, layer5.weight): remove them")
}

// A RegNetX that no name is known of, such as a RegNetY without its squeezes.
func TestMatchTellsARegNetX(t *testing.T) {
	p, err := arch.Lookup("regnet_y_400mf")
	require.NoError(t, err)
	for _, style := range []names.Style{names.Torchvision, names.Timm} {
		var infos []checkpoint.Info
		for _, info := range want(p, 10) {
			if !strings.Contains(info.Name, ".se.") {
				infos = append(infos, info)
			}
		}
		infos = spelled(t, infos, style, "")
		_, err = weights.Match(zeroFile(t, infos), want(p, 10), weights.MatchOptions{Arch: "regnet_y_400mf"})
		require.ErrorContains(t, err, string(style)+" keys of a RegNetX")
		require.ErrorContains(t, err, "what to do: no squeeze-and-excitation: this is a RegNetX, and no known architecture has its depths 1,3,6,6")
		trunks := weights.Trunks(infos, "")
		require.Len(t, trunks, 1)
		assert.Empty(t, trunks[0].Architectures)
		assert.Contains(t, trunks[0].Geometry.Unknown(), "this is a RegNetX")
	}
}

// torchvision's RegNetX loads from every library's names; transformers counts one layer less in its blocks.
func TestMatchLoadsARegNetX(t *testing.T) {
	p, err := arch.Lookup("regnet_x_400mf")
	require.NoError(t, err)
	for _, style := range names.Styles() {
		infos := spelled(t, want(p, 10), style, "")
		for i := range infos {
			infos[i].Name = names.Plain(style, infos[i].Name)
		}
		plan, err := weights.Match(zeroFile(t, infos), want(p, 10), weights.MatchOptions{Arch: "regnet_x_400mf", AllowMissing: regexp.MustCompile(`^fc\.`)})
		require.NoError(t, err, style)
		assert.Len(t, plan.Entries, len(infos))
		assert.Equal(t, []string{"regnet_x_400mf"}, weights.Trunks(infos, "")[0].Architectures)
		if style == names.Transformers {
			assert.True(t, slices.ContainsFunc(infos, func(i checkpoint.Info) bool {
				return i.Name == "regnet.encoder.stages.3.layers.11.layer.2.normalization.bias"
			}), "transformers' own name")
		}
	}
}

func TestMatchReportsEverythingAtOnce(t *testing.T) {
	model := want(small, 10)
	have := append([]checkpoint.Info{}, want(small, 1000)...)
	have = append(have[1:], checkpoint.Info{Name: "layer5.weight", DType: checkpoint.F32})
	_, err := weights.Match(zeroFile(t, have), model, weights.MatchOptions{Arch: "my_net"})
	var mismatch *weights.MismatchError
	require.ErrorAs(t, err, &mismatch)
	assert.Equal(t, []string{"stem.0.weight"}, mismatch.Missing)
	assert.Equal(t, []string{"layer5.weight"}, mismatch.Unexpected)
	require.Len(t, mismatch.Shapes, 2)
	text := err.Error()
	width := small.Width()
	assert.Contains(t, text, "weights.safetensors does not fit my_net; it has torchvision keys of a RegNetY")
	assert.Contains(t, text, "2 of another shape or type:\n  fc.weight: F32 [1000 "+strconv.Itoa(width)+"] in the file, F32 [10 "+strconv.Itoa(width)+"] in the model")
	assert.Contains(t, text, "1 missing from the file:\n  stem.0.weight")
	assert.Contains(t, text, "1 unknown to the model:\n  layer5.weight")
	assert.Contains(t, text, "what to do: the file's trunk has depths ")
}

// The classic: SEER's 8GF has other widths than torchvision's, and timm has both.
func TestMatchAdvisesTheRightArchitecture(t *testing.T) {
	seer, err := arch.Lookup("regnet_y_8gf_seer")
	require.NoError(t, err)
	torchvision, err := arch.Lookup("regnet_y_8gf")
	require.NoError(t, err)
	f := zeroFile(t, spelled(t, want(seer, 1000), names.Timm, ""))
	_, err = weights.Match(f, want(torchvision, 1000), weights.MatchOptions{Arch: "regnet_y_8gf"})
	require.Error(t, err)
	assert.Contains(t, err.Error(), "these are timm keys of a trunk with depths 2,4,10,1, widths 168,448,896,2016, group width 56: use --arch regnet_y_8gf_seer")
	assert.Contains(t, err.Error(), "(s1.b1.conv1.conv.weight), F32 [224 32 1 1] in the model")
	assert.NotContains(t, err.Error(), "unknown to the model")
	assert.Regexp(t, `… and \d+ more`, err.Error())
	assert.Less(t, strings.Count(err.Error(), "\n"), 30, "long lists are cut")
}

func TestMatchAdviceForOtherFiles(t *testing.T) {
	model := want(small, 10)
	p, err := arch.Lookup("regnet_y_400mf")
	require.NoError(t, err)
	tests := map[string]struct {
		infos []checkpoint.Info
		want  []checkpoint.Info
		arch  string
		text  string
	}{
		"resnet":      {[]checkpoint.Info{{Name: "layer1.0.conv1.weight", DType: checkpoint.F32}}, model, "", "these are keys of a ResNet"},
		"part":        {[]checkpoint.Info{{Name: "stem.0.weight", DType: checkpoint.F32, Shape: []int64{32, 3, 3, 3}}}, model, "", "only a part of a trunk"},
		"same trunk":  {want(p, 10), want(p, 1000), "regnet_y_400mf", "the trunk is that of regnet_y_400mf"},
		"deeper file": {want(p, 1000), model, "", "use --arch regnet_y_400mf"},
	}
	for name, tt := range tests {
		_, err := weights.Match(zeroFile(t, tt.infos), tt.want, weights.MatchOptions{Arch: tt.arch})
		require.ErrorContains(t, err, tt.text, name)
	}
}

func TestEveryVariantIsRecognised(t *testing.T) {
	for _, name := range arch.Names() {
		p, err := arch.Lookup(name)
		require.NoError(t, err)
		trunks := weights.Trunks(spelled(t, want(p, 1), names.Transformers, ""), "")
		require.Len(t, trunks, 1)
		assert.Contains(t, trunks[0].Architectures, name)
	}
	assert.Empty(t, weights.Trunks(nil, ""))
}

func TestMatchRules(t *testing.T) {
	f32 := func(name string, shape ...int64) checkpoint.Info {
		return checkpoint.Info{Name: name, DType: checkpoint.F32, Shape: shape}
	}
	integer := checkpoint.Info{Name: "stem.1.bias", DType: checkpoint.I64, Shape: []int64{2}}
	counter := checkpoint.Info{Name: "stem.1.num_batches_tracked", DType: checkpoint.I64}
	tests := map[string]struct {
		have, want []checkpoint.Info
		opt        weights.MatchOptions
		err        string
	}{
		"equal":              {have: []checkpoint.Info{f32("stem.1.bias", 2)}, want: []checkpoint.Info{f32("stem.1.bias", 2)}},
		"counter missing":    {have: []checkpoint.Info{f32("stem.1.bias", 2)}, want: []checkpoint.Info{f32("stem.1.bias", 2), counter}},
		"counter not wanted": {have: []checkpoint.Info{f32("stem.1.bias", 2), counter}, want: []checkpoint.Info{f32("stem.1.bias", 2)}},
		"integer for float":  {have: []checkpoint.Info{integer}, want: []checkpoint.Info{f32("stem.1.bias", 2)}, err: "I64 [2] in the file, F32 [2] in the model"},
		"twice": {have: []checkpoint.Info{f32("stem.1.bias", 2), f32("module.stem.1.bias", 2)}, want: []checkpoint.Info{f32("stem.1.bias", 2)},
			err: "both mean stem.1.bias"},
		"exact": {have: []checkpoint.Info{f32("queue", 2)}, want: []checkpoint.Info{f32("queue", 2)}, opt: weights.MatchOptions{Exact: true}},
		"exact translates nothing": {have: []checkpoint.Info{f32("module.stem.1.bias", 2)}, want: []checkpoint.Info{f32("stem.1.bias", 2)},
			opt: weights.MatchOptions{Exact: true}, err: "1 missing from the file:\n  stem.1.bias\n1 unknown to the model:\n  module.stem.1.bias"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := weights.Match(zeroFile(t, tt.have), tt.want, tt.opt)
			if tt.err == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, tt.err)
		})
	}
}

func TestReadConverts(t *testing.T) {
	path := filepath.Join(t.TempDir(), "half.safetensors")
	require.NoError(t, checkpoint.WriteSafetensors(path, []checkpoint.Tensor{
		{Name: "module.stem.1.weight", DType: checkpoint.BF16, Shape: []int64{2}, Data: []byte{0x80, 0x3f, 0, 0xc0}},
		{Name: "module.stem.1.bias", DType: checkpoint.F32, Shape: []int64{1}, Data: []byte{0, 0, 0x80, 0x3f}},
	}, nil))
	f, err := checkpoint.Open(path)
	require.NoError(t, err)
	defer f.Close()
	plan, err := weights.Match(f, []checkpoint.Info{
		{Name: "stem.1.weight", DType: checkpoint.F32, Shape: []int64{2}},
		{Name: "stem.1.bias", DType: checkpoint.F32, Shape: []int64{1}},
	}, weights.MatchOptions{})
	require.NoError(t, err)
	for i, expected := range [][]float32{{1, -2}, {1}} {
		tensor, err := plan.Read(i)
		require.NoError(t, err)
		assert.Equal(t, plan.Entries[i].Want, tensor.Info())
		got, err := tensor.Float32()
		require.NoError(t, err)
		assert.Equal(t, expected, got)
	}
}

// What is not finite, or would not be in the model's type, is an error by name, also
// for files of this program.
func TestReadRefusesWhatIsNotFinite(t *testing.T) {
	double := func(values ...float64) (data []byte) {
		for _, v := range values {
			data = binary.LittleEndian.AppendUint64(data, math.Float64bits(v))
		}
		return data
	}
	tests := map[string]struct {
		tensor checkpoint.Tensor
		want   string
	}{
		"NaN":      {checkpoint.Tensor{DType: checkpoint.F64, Data: double(1, math.NaN())}, "stem.1.bias holds 1 value that is not finite"},
		"infinity": {checkpoint.Tensor{DType: checkpoint.F64, Data: double(math.Inf(1), math.Inf(-1))}, "stem.1.bias holds 2 values that are not finite"},
		"too wide": {checkpoint.Tensor{DType: checkpoint.F64, Data: double(1e300, 1)}, "stem.1.bias holds 1 value that is not finite as float32"},
		"own file": {checkpoint.Tensor{DType: checkpoint.F32, Data: []byte{0, 0, 0xc0, 0x7f, 0, 0, 0, 0}}, "stem.1.bias holds 1 value that is not finite"},
		"half":     {checkpoint.Tensor{DType: checkpoint.F16, Data: []byte{0, 0x7c, 0, 0}}, "stem.1.bias holds 1 value that is not finite"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "w.safetensors")
			tt.tensor.Name, tt.tensor.Shape = "stem.1.bias", []int64{2}
			require.NoError(t, checkpoint.WriteSafetensors(path, []checkpoint.Tensor{tt.tensor}, nil))
			f, err := checkpoint.Open(path)
			require.NoError(t, err)
			defer f.Close()
			for _, exact := range []bool{false, true} {
				plan, err := weights.Match(f, []checkpoint.Info{{Name: "stem.1.bias", DType: checkpoint.F32, Shape: []int64{2}}}, weights.MatchOptions{Exact: exact})
				if exact && err != nil {
					continue // another type is no file of this program
				}
				require.NoError(t, err)
				_, err = plan.Read(0)
				require.ErrorContains(t, err, path+": "+tt.want)
			}
		})
	}
}

func TestRename(t *testing.T) {
	tensors := []checkpoint.Tensor{{Name: "stem.0.weight"}, {Name: "fc.bias"}}
	got, err := weights.Rename(tensors, names.Timm)
	require.NoError(t, err)
	assert.Equal(t, "stem.conv.weight", got[0].Name)
	assert.Equal(t, "head.fc.bias", got[1].Name)
	assert.Equal(t, "stem.0.weight", tensors[0].Name, "the argument stays")
	_, err = weights.Rename([]checkpoint.Tensor{{Name: "queue"}}, names.Timm)
	require.ErrorContains(t, err, `"queue" has no name in timm`)
}
