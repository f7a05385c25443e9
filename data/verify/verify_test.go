// SPDX-License-Identifier: MIT

package verify

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"seer/data/datatest"
	"seer/data/jpeg"
	"seer/data/source"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// troubled writes a data set with one of each trouble.
func troubled(t *testing.T) source.Source {
	dir := t.TempDir()
	write := func(name string, body []byte) { datatest.Write(t, filepath.Join(dir, name), body) }
	good := datatest.JPEG(80, 60, 1)
	write("ape/a.jpg", good)
	write("ape/b.jpg", datatest.JPEG(80, 61, 2))
	write("ape/copy.jpg", good)
	write("ape/cut.png", datatest.PNG(80, 60, 9)[:3000])
	write("ape/empty.jpg", nil)
	write("owl/a.png", datatest.PNG(100, 40, 3))
	write("owl/really-png.jpg", datatest.PNG(90, 45, 4))
	write("owl/same-as-ape.jpg", good)
	write("owl/small.jpg", datatest.JPEG(80, 20, 5))
	write("owl/text.jpg", []byte("<html>not found</html>"))
	src, err := source.Open(source.Location{Path: dir, Labels: true})
	require.NoError(t, err)
	t.Cleanup(func() { src.Close() })
	return src
}

func TestRunFindsWhatIsWrong(t *testing.T) {
	for _, workers := range []int{1, 4} {
		var got []string
		report, err := Run(t.Context(), troubled(t), CheckOptions{Workers: workers, Find: func(f Finding) {
			got = append(got, fmt.Sprint(f.Kind, " ", f.Name, " ", f.Of))
		}})
		require.NoError(t, err)
		require.Equal(t, []string{
			"corrupt ape/cut.png ",
			"corrupt ape/empty.jpg ",
			"misnamed owl/really-png.jpg ",
			"tiny owl/small.jpg ",
			"corrupt owl/text.jpg ",
			"duplicate ape/copy.jpg ape/a.jpg",
			"duplicate owl/same-as-ape.jpg ape/a.jpg",
			"conflict owl/same-as-ape.jpg ape/a.jpg",
		}, got)
		require.False(t, report.Clean())
		require.EqualValues(t, 10, report.Images)
		require.EqualValues(t, 7, report.Usable)
		require.Equal(t, map[source.Reason]int64{"truncated": 1, "empty": 1, "unknown": 1}, report.Bad)
		require.Equal(t, map[string]int64{"jpeg": 5, "png": 2}, report.Formats)
		require.Equal(t, []Class{{"ape", 3}, {"owl", 4}}, report.Classes)
		require.EqualValues(t, 1, report.Sides[5], "16 to 31")
		require.EqualValues(t, 6, report.Sides[6], "32 to 63")
	}
}

func TestDetailsSayWhy(t *testing.T) {
	details := map[string]string{}
	_, err := Run(t.Context(), troubled(t), CheckOptions{MinSide: 30, Find: func(f Finding) { details[string(f.Kind)+" "+f.Name] = f.Detail }})
	require.NoError(t, err)
	for key, want := range map[string]string{
		"corrupt ape/empty.jpg":        "empty: ",
		"misnamed owl/really-png.jpg":  "its bytes are png, its name says jpeg",
		"tiny owl/small.jpg":           "80 x 20 pixels; the shorter side should have 30",
		"duplicate ape/copy.jpg":       "the same",
		"conflict owl/same-as-ape.jpg": "of class owl here, ape there",
	} {
		require.Contains(t, details[key], want, key)
	}
}

func TestHeadersOnlyIsBlindInside(t *testing.T) {
	report, err := Run(t.Context(), troubled(t), CheckOptions{HeadersOnly: true})
	require.NoError(t, err)
	require.EqualValues(t, 8, report.Usable, "the cut one has its header")
	require.Zero(t, report.Findings[Duplicate])
	require.EqualValues(t, 1, report.Findings[Misnamed])
}

func TestLimitsApply(t *testing.T) {
	report, err := Run(t.Context(), troubled(t), CheckOptions{Decode: jpeg.DecodeOptions{MaxPixels: 4500}})
	require.NoError(t, err)
	require.Positive(t, report.Bad[source.TooLarge])
}

func TestRawImagesAreLookedAtToo(t *testing.T) {
	src, err := source.Open(source.Location{Path: datatest.MNIST(t, 2100, false), Labels: true})
	require.NoError(t, err)
	var progress []int64
	report, err := Run(t.Context(), src, CheckOptions{Progress: func(done, total int64) {
		require.EqualValues(t, 2100, total)
		progress = append(progress, done)
	}})
	require.NoError(t, err)
	require.Equal(t, []int64{1024, 2048, 2100}, progress)
	require.Equal(t, map[string]int64{"raw": 2100}, report.Formats)
	require.Equal(t, map[Kind]int64{Tiny: 2100}, report.Findings)
	require.Len(t, report.Classes, 10)
}

// shelf is a source in memory.
type shelf struct{ files [][]byte }

func (s *shelf) Len() int64          { return int64(len(s.files)) }
func (s *shelf) Name(i int64) string { return fmt.Sprint(i) }
func (s *shelf) Label(int64) int     { return -1 }
func (s *shelf) Classes() []string   { return nil }
func (s *shelf) Close() error        { return nil }
func (s *shelf) Read(ctx context.Context, i int64, _ []byte) (source.Item, error) {
	return source.Item{Bytes: s.files[i], Shared: true}, ctx.Err()
}

// Equal hashes of different files must not become a finding.
func TestCollisionsAreNotDuplicates(t *testing.T) {
	r := &run{src: &shelf{[][]byte{[]byte("a"), []byte("b"), []byte("a")}}, report: &Report{Findings: map[Kind]int64{}}}
	r.hashes = []hashed{{7, 1}, {7, 0}, {7, 2}}
	r.opt.Find = func(f Finding) { require.EqualValues(t, 2, f.Index) }
	require.NoError(t, r.duplicates(t.Context()))
	require.Equal(t, map[Kind]int64{Duplicate: 1}, r.report.Findings)
}

func TestRunStopsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := Run(ctx, troubled(t), CheckOptions{})
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorContains(t, err, "after 0 of 10 images")
}

func TestReportIsReadable(t *testing.T) {
	report, err := Run(t.Context(), troubled(t), CheckOptions{})
	require.NoError(t, err)
	var b bytes.Buffer
	require.NoError(t, report.WriteText(&b))
	for _, want := range []string{"10 images, 7 usable", "\nunusable\n", "duplicate    2", "jpeg         5", "from 32                6 ########", "2 classes", "owl"} {
		require.Contains(t, b.String(), want)
	}
	empty := &Report{}
	b.Reset()
	require.NoError(t, empty.WriteText(&b))
	require.Equal(t, "0 images, 0 usable, 0 B\n", b.String())
	require.True(t, empty.Clean())
}

func TestManyClassesAreCut(t *testing.T) {
	r := &Report{}
	for i := range 1000 {
		r.Classes = append(r.Classes, Class{fmt.Sprintf("class-%d", i), int64(i)})
	}
	var b bytes.Buffer
	require.NoError(t, r.WriteText(&b))
	require.Contains(t, b.String(), "… 990 more")
	require.Equal(t, 1+2+2*shown+1, strings.Count(b.String(), "\n"))
}

func TestBytesAndBars(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1536: "1.5 KiB", 5 << 20: "5 MiB", 3 << 30: "3 GiB", 1 << 41: "2 TiB"} {
		require.Equal(t, want, formatBytes(n))
	}
	require.Equal(t, "#", bar(1, 1_000_000), "what is there is seen")
	require.Len(t, bar(7, 7), barWidth)
	require.Empty(t, bar(0, 0))
}
