// SPDX-License-Identifier: MIT

package verify

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/bits"
	"seer/data/source"
	"slices"
	"strings"
)

// Report counts what a run has seen.
type Report struct {
	Images   int64                   `json:"images"`
	Usable   int64                   `json:"usable"`
	Bytes    int64                   `json:"bytes"` // of all files that could be read
	Bad      map[source.Reason]int64 `json:"bad"`
	Findings map[Kind]int64          `json:"findings"`
	Formats  map[string]int64        `json:"formats"`
	Sides    Histogram               `json:"sides"`             // shorter sides in pixels
	Sizes    Histogram               `json:"sizes"`             // bytes a file
	Classes  []Class                 `json:"classes,omitempty"` // nil without labels
	// Listing is what was left out when the source was listed.
	source.Listing
}

// Class is the number of usable images of one class.
type Class struct {
	Name   string `json:"name"`
	Images int64  `json:"images"`
}

// Histogram counts numbers by their powers of two: entry k holds those from
// 2^(k-1) to 2^k - 1, entry 0 the zeros.
type Histogram [64]int64

// Add counts a number.
func (h *Histogram) Add(v int64) { h[bits.Len64(uint64(max(v, 0)))]++ }

// MarshalJSON writes the entries that are not empty, with the smallest number of each.
func (h *Histogram) MarshalJSON() ([]byte, error) {
	type entry struct {
		From  int64 `json:"from"`
		Count int64 `json:"count"`
	}
	entries := []entry{}
	for k, n := range h {
		if n > 0 {
			entries = append(entries, entry{1 << k >> 1, n})
		}
	}
	return json.Marshal(entries)
}

// span is the first and the last entry that is not empty; of an empty histogram the last is before the first.
func (h *Histogram) span() (first, last int) {
	first, last = len(h), -1
	for k, n := range h {
		if n > 0 {
			first, last = min(first, k), k
		}
	}
	return first, last
}

func newReport(src source.Source) *Report {
	r := &Report{Listing: source.ListingOf(src), Bad: map[source.Reason]int64{}, Findings: map[Kind]int64{}, Formats: map[string]int64{}}
	for _, name := range src.Classes() {
		r.Classes = append(r.Classes, Class{Name: name})
	}
	return r
}

func (r *Report) add(l *look, label int) {
	r.Images++
	r.Bytes += l.bytes
	if l.err != nil {
		r.Bad[source.ReasonOf(l.err)]++
		return
	}
	r.Usable++
	r.Formats[l.format]++
	r.Sides.Add(int64(min(l.w, l.h)))
	r.Sizes.Add(l.bytes)
	if label >= 0 && label < len(r.Classes) {
		r.Classes[label].Images++
	}
}

// Clean reports whether nothing was found.
func (r *Report) Clean() bool { return len(r.Findings) == 0 }

// WriteText writes the report for a reader: counts, then bars.
func (r *Report) WriteText(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%d images, %d usable, %s\n", r.Images, r.Usable, formatBytes(r.Bytes))
	if said := r.Listing.String(); said != "" {
		fmt.Fprintln(&b, said)
	}
	section(&b, "unusable", r.Bad)
	section(&b, "findings", r.Findings)
	section(&b, "formats", r.Formats)
	r.Sides.write(&b, "shorter side, pixels", func(v int64) string { return fmt.Sprint(v) })
	r.Sizes.write(&b, "file size", formatBytes)
	r.writeClasses(&b)
	_, err := io.WriteString(w, b.String())
	return err
}

// section writes counts by name, the largest first.
func section[K ~string](b *strings.Builder, title string, counts map[K]int64) {
	if len(counts) == 0 {
		return
	}
	fmt.Fprintf(b, "\n%s\n", title)
	keys := slices.SortedFunc(maps.Keys(counts), func(x, y K) int {
		return cmp.Or(cmp.Compare(counts[y], counts[x]), cmp.Compare(x, y))
	})
	for _, k := range keys {
		fmt.Fprintf(b, "  %-12s %d\n", k, counts[k])
	}
}

// write draws the entries from the first to the last that is not empty.
func (h *Histogram) write(b *strings.Builder, title string, unit func(int64) string) {
	first, last := h.span()
	if last < 0 {
		return
	}
	fmt.Fprintf(b, "\n%s\n", title)
	for k := first; k <= last; k++ {
		fmt.Fprintf(b, "  from %-8s %10d %s\n", unit(1<<k>>1), h[k], bar(h[k], slices.Max(h[:])))
	}
}

// barWidth is the length of the longest bar.
const barWidth = 40

// bar rounds up, so that what is there is seen.
func bar(n, most int64) string {
	if most == 0 {
		return ""
	}
	return strings.Repeat("#", int((n*barWidth+most-1)/most))
}

// shown is how many of the largest and of the smallest classes are listed: a
// data set may have thousands.
const shown = 5

func (r *Report) writeClasses(b *strings.Builder) {
	if len(r.Classes) == 0 {
		return
	}
	sorted := slices.SortedStableFunc(slices.Values(r.Classes), func(x, y Class) int { return cmp.Compare(y.Images, x.Images) })
	fmt.Fprintf(b, "\n%d classes\n", len(sorted))
	for k, c := range sorted {
		if k >= shown && k < len(sorted)-shown {
			if k == shown {
				fmt.Fprintf(b, "  … %d more\n", len(sorted)-2*shown)
			}
			continue
		}
		fmt.Fprintf(b, "  %-20s %8d %s\n", c.Name, c.Images, bar(c.Images, sorted[0].Images))
	}
}

func formatBytes(n int64) string {
	for _, u := range []struct {
		size int64
		name string
	}{{1 << 40, "TiB"}, {1 << 30, "GiB"}, {1 << 20, "MiB"}, {1 << 10, "KiB"}} {
		if n >= u.size {
			return fmt.Sprintf("%.4g %s", float64(n)/float64(u.size), u.name)
		}
	}
	return fmt.Sprintf("%d B", n)
}
