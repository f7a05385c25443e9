// SPDX-License-Identifier: MIT

package weights

import (
	"fmt"
	"slices"
	"strings"

	"seer/checkpoint"
	"seer/checkpoint/names"
	"seer/models/regnet/arch"
)

// Geometry is what the shapes of a trunk's tensors tell about its architecture.
type Geometry struct {
	Depths     []int   // blocks of each stage
	Widths     []int64 // output width of each stage
	GroupWidth []int64 // of the 3×3 convolutions of each stage
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

// GeometryOf reads the architecture off a file's shapes; false means that it
// holds no whole RegNetY trunk.
func GeometryOf(infos []checkpoint.Info) (Geometry, bool) {
	type block struct{ stage, index int }
	widths, groups := map[block]int64{}, map[block]int64{}
	for _, info := range infos {
		var b block
		var inner string
		common := names.Common(info.Name).Common
		_, err := fmt.Sscanf(common, "trunk_output.block%d.block%d-%d.%s", &b.stage, &b.stage, &b.index, &inner)
		if err != nil || len(info.Shape) != 4 {
			continue
		}
		switch inner {
		case "f.c.0.weight":
			widths[b] = info.Shape[0]
		case "f.b.0.weight":
			groups[b] = info.Shape[1]
		}
	}
	var g Geometry
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
		if err == nil && slices.EqualFunc(stages, zip(g), sameStage) {
			found = append(found, name)
		}
	}
	return found
}

type measured struct {
	depth        int
	width, group int64
}

func zip(g Geometry) []measured {
	stages := make([]measured, len(g.Depths))
	for i := range stages {
		stages[i] = measured{g.Depths[i], g.Widths[i], g.GroupWidth[i]}
	}
	return stages
}

func sameStage(s arch.Stage, m measured) bool {
	return s.Depth == m.depth && int64(s.Width) == m.width && int64(s.GroupWidth) == m.group
}

// advise says what to try, from what the file turned out to be.
func (m *matcher) advise(infos []checkpoint.Info) string {
	d, asked := m.plan.Detection, m.opt.Arch
	switch {
	case m.opt.Exact:
		return "these files belong to one configuration: use the one that the file was written with"
	case !m.wantsTrunk:
		return "a head's shapes follow from the trunk's width and from hidden, out, batch_norm and prototypes under [swav]: give the file's"
	}
	g, ok := GeometryOf(infos)
	if !ok {
		if d.Trunk == 0 {
			return "name a file with the weights of a RegNetY; `seer inspect FILE` lists what one holds"
		}
		return "the file holds only a part of a trunk: name a complete one"
	}
	fitting := Architectures(g)
	switch {
	case slices.Contains(fitting, asked):
		return fmt.Sprintf("the trunk is that of %s, so the file itself is incomplete or changed: save it again", asked)
	case len(fitting) > 0:
		return fmt.Sprintf("these are %s keys of a trunk with %s: use --arch %s", d.Style, g, strings.Join(fitting, " or "))
	default:
		return fmt.Sprintf("the file's trunk has %s, which no known name has: give its depth, w0, wa, wm and group_width under [model]", g)
	}
}
