// SPDX-License-Identifier: MIT

package weights

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"seer/checkpoint"
	"seer/checkpoint/names"
	"seer/models/regnet/arch"
)

// Geometry is what the shapes of a trunk's tensors tell about its architecture.
type Geometry struct {
	Depths     []int   `json:"depths"`      // blocks of each stage
	Widths     []int64 `json:"widths"`      // output width of each stage
	GroupWidth []int64 `json:"group_width"` // of the 3×3 convolutions of each stage
	Squeeze    bool    `json:"squeeze"`     // it has squeeze-and-excitation: a RegNetX has none
}

// Trunk is one trunk of a file.
type Trunk struct {
	names.Place
	Geometry      Geometry `json:"geometry"`
	Architectures []string `json:"architectures"` // the known ones with this geometry
}

// Trunks finds the whole trunks of a file below a prefix, the preferred one first.
// An empty prefix means all.
func Trunks(infos []checkpoint.Info, prefix string) []Trunk {
	d := detect(infos)
	var trunks []Trunk
	for _, place := range below(d.Trunks, prefix) {
		g, ok := geometryAt(infos, d, place)
		if ok {
			trunks = append(trunks, Trunk{place, g, Architectures(g)})
		}
	}
	return trunks
}

func detect(infos []checkpoint.Info) names.Detection {
	keys := make([]string, len(infos))
	for i, info := range infos {
		keys[i] = info.Name
	}
	return names.Detect(keys)
}

// Describe says what the keys of a file are.
func Describe(file *checkpoint.File) string {
	text := detect(file.Infos()).Explanation
	if number, of := checkpoint.Shard(file.Path()); of > 1 {
		text += fmt.Sprintf("; the file is shard %d of %d: name the folder that holds them all, or its index", number, of)
	}
	return text
}

// below keeps the places behind a prefix, whose last dot may be left out.
func below(all []names.Place, prefix string) []names.Place {
	prefix = strings.TrimSuffix(prefix, ".")
	var kept []names.Place
	for _, p := range all {
		if prefix == "" || p.Prefix == prefix+"." || strings.HasPrefix(p.Prefix, prefix+".") {
			kept = append(kept, p)
		}
	}
	return kept
}

// String is like `depths 1,3,6,6, widths 48,104,208,440, group width 8`.
func (g Geometry) String() string {
	width := list(g.GroupWidth)
	if len(slices.Compact(slices.Clone(g.GroupWidth))) == 1 {
		width = fmt.Sprint(g.GroupWidth[0])
	}
	return fmt.Sprintf("depths %s, widths %s, group width %s", list(g.Depths), list(g.Widths), width)
}

func list[T any](values []T) string {
	return strings.ReplaceAll(strings.Trim(fmt.Sprint(values), "[]"), " ", ",")
}

// geometryAt reads the architecture of one trunk.
func geometryAt(infos []checkpoint.Info, d names.Detection, place names.Place) (Geometry, bool) {
	type block struct{ stage, index int }
	widths, groups := map[block]int64{}, map[block]int64{}
	var g Geometry
	for i, info := range infos {
		var b block
		var inner string
		key := d.Keys[i]
		_, err := fmt.Sscanf(key.Common, "trunk_output.block%d.block%d-%d.%s", &b.stage, &b.stage, &b.index, &inner)
		if err != nil || len(info.Shape) != 4 || key.Wrapper != place.Prefix {
			continue
		}
		switch inner {
		case "f.c.0.weight":
			widths[b] = info.Shape[0]
		case "f.b.0.weight":
			groups[b] = info.Shape[1]
		case "f.se.fc1.weight":
			g.Squeeze = true
		}
	}
	for stage := 1; widths[block{stage, 0}] > 0; stage++ {
		depth := 0
		for widths[block{stage, depth}] > 0 {
			depth++
		}
		g.Depths = append(g.Depths, depth)
		g.Widths = append(g.Widths, widths[block{stage, 0}])
		g.GroupWidth = append(g.GroupWidth, groups[block{stage, 0}])
	}
	return g, len(g.Depths) > 0
}

// Architectures names the known architectures of a geometry.
func Architectures(g Geometry) []string {
	var found []string
	for _, name := range arch.Names() {
		params, err := arch.Lookup(name)
		if err != nil {
			continue
		}
		stages, err := params.Stages()
		if err == nil && params.X != g.Squeeze && slices.EqualFunc(stages, zip(g), sameStage) {
			found = append(found, name)
		}
	}
	return found
}

type measuredStage struct {
	depth        int
	width, group int64
}

func zip(g Geometry) []measuredStage {
	stages := make([]measuredStage, len(g.Depths))
	for i := range stages {
		stages[i] = measuredStage{g.Depths[i], g.Widths[i], g.GroupWidth[i]}
	}
	return stages
}

func sameStage(s arch.Stage, m measuredStage) bool {
	return s.Depth == m.depth && int64(s.Width) == m.width && int64(s.GroupWidth) == m.group
}

// regNetX says what is special with a trunk that lacks what every RegNetY has.
const regNetX = "no squeeze-and-excitation: this is a RegNetX"

// Unknown says why a trunk has no known architecture, and what to do.
func (g Geometry) Unknown() string {
	if !g.Squeeze {
		return fmt.Sprintf("%s, and no known architecture has its %v: name weights of torchvision's", regNetX, g)
	}
	return fmt.Sprintf("no known architecture has its %v; give --arch, or an experiment with [model] arch = \"regnet_y\" and the five parameters", g)
}

// advise says what to try, from what the file turned out to be.
func (m *matcher) advise(problem *MismatchError) string {
	d, infos := m.plan.Detection, m.plan.file.Infos()
	switch shard, of := checkpoint.Shard(m.plan.file.Path()); {
	case m.opt.Exact:
		return "these files belong to one configuration: use the one that the file was written with"
	case m.plain:
		return "name a file with the weights of " + cmp.Or(m.opt.Arch, "this network") + ", under the names of the library it comes from, or timm's"
	case !m.wantsTrunk:
		return "a head's shapes follow from the trunk's width and from hidden, out, batch_norm and prototypes under [swav]: give the file's"
	case of > 1:
		return fmt.Sprintf("the file is shard %d of %d: name the folder that holds them all, or its index", shard, of)
	case d.Trunk == 0:
		return "name a file with the weights of a RegNet; `seer inspect FILE` lists what one holds"
	}
	g, ok := geometryAt(infos, d, m.place)
	if !ok {
		return "the file holds only a part of a trunk: name a complete one"
	}
	return m.adviseTrunk(g, problem)
}

func (m *matcher) adviseTrunk(g Geometry, problem *MismatchError) string {
	d, asked, fitting := m.plan.Detection, m.opt.Arch, Architectures(g)
	switch {
	case !g.Squeeze && len(fitting) == 0:
		return g.Unknown()
	case slices.Contains(fitting, asked) && len(problem.Unexpected) > 0 && len(problem.Missing)+len(problem.Shapes) == 0:
		return fmt.Sprintf("the trunk is that of %s, and the file has %s that the model does not have (%s): "+
			"remove them in Python and save again", asked, count(len(problem.Unexpected), "key"), firstOf(problem.Unexpected))
	case slices.Contains(fitting, asked):
		return fmt.Sprintf("the trunk is that of %s, so the file itself is incomplete or changed: save it again", asked)
	case len(fitting) > 0:
		return fmt.Sprintf("these are %s keys of a trunk with %s: use --arch %s", d.Style, g, strings.Join(fitting, " or "))
	}
	return fmt.Sprintf("the file's trunk has %s, which no known name has: give its depth, w0, wa, wm and group_width under [model]", g)
}

// count is like "1 key" or "2 keys".
func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// firstOf names the first few of a list.
func firstOf(items []string) string {
	if len(items) > 3 {
		return strings.Join(items[:3], ", ") + ", …"
	}
	return strings.Join(items, ", ")
}
