// SPDX-License-Identifier: MIT

package main

import (
	"context"
	"encoding/json"
	"image/png"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"seer/data/datatest"
	"seer/data/source"
)

func TestDataShow(t *testing.T) {
	path, _ := experimentFile(t, coloured(t, 9))
	out := filepath.Join(t.TempDir(), "crops.png")
	require.Equal(t, out+"\n", mustInvoke(t, "data", "show", path, "--out", out, "--images", "3"))
	f, err := os.Open(out)
	require.NoError(t, err)
	defer f.Close()
	sheet, err := png.Decode(f)
	require.NoError(t, err)
	require.Equal(t, 8+16+3*(64+16+8), sheet.Bounds().Dy(), "three rows")

	_, _, err = invoke(t, "data", "show", path, "--images", "0")
	require.ErrorContains(t, err, "--images 0: allowed are 1 to 1000")
}

func TestDataVerify(t *testing.T) {
	dir := coloured(t, 9)
	out, _, err := invoke(t, "data", "verify", dir, "--labels")
	require.NoError(t, err)
	require.Contains(t, out, "9 images, 9 usable")

	same, err := os.ReadFile(filepath.Join(dir, "red", "000.png"))
	require.NoError(t, err)
	datatest.Write(t, filepath.Join(dir, "red", "again.jpg"), same)
	datatest.Write(t, filepath.Join(dir, "blue", "broken.jpg"), []byte("\xff\xd8\xff"))
	list := filepath.Join(t.TempDir(), "findings.jsonl")
	out, _, err = invoke(t, "data", "verify", dir, "--list", list, "--json")
	require.ErrorIs(t, err, errFindings)
	var report struct {
		Images   int64
		Findings map[string]int64
	}
	require.NoError(t, json.Unmarshal([]byte(out), &report))
	require.EqualValues(t, 11, report.Images)
	require.Equal(t, map[string]int64{"corrupt": 1, "duplicate": 1, "misnamed": 1}, report.Findings)
	lines, err := os.ReadFile(list)
	require.NoError(t, err)
	require.Contains(t, string(lines), `"name":"blue/broken.jpg"`)

	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, _, err = invokeWith(t, ctx, "data", "verify", dir)
	require.ErrorIs(t, err, context.Canceled)
	_, _, err = invoke(t, "data", "verify")
	require.ErrorContains(t, err, "takes one argument")
}

func TestDataStats(t *testing.T) {
	path, _ := experimentFile(t, coloured(t, 9))
	svg := filepath.Join(t.TempDir(), "sizes.svg")
	out := mustInvoke(t, "data", "stats", path, "--labels", "--svg", svg)
	require.Contains(t, out, "shorter side, pixels\n  from 32                9 ####")
	require.Contains(t, out, "3 classes")
	drawn, err := os.ReadFile(svg)
	require.NoError(t, err)
	require.Contains(t, string(drawn), "</svg>")
}

// A source on the command line takes its settings from --set.
func TestDataOfURLs(t *testing.T) {
	server := httptest.NewServer(http.FileServer(http.Dir(coloured(t, 3))))
	defer server.Close()
	list := filepath.Join(t.TempDir(), "urls.txt")
	datatest.Write(t, list, []byte(server.URL+"/red/000.png\n"+server.URL+"/none.png?key=SECRET\n"))
	out := filepath.Join(t.TempDir(), "urls.seeridx")
	require.Contains(t, mustInvoke(t, "data", "index", list, "--out", out), out+": 2 images in ")
	findings := filepath.Join(t.TempDir(), "findings.jsonl")
	_, _, err := invoke(t, "data", "verify", out, "--list", findings, "--set", "data.urls.allow_private=true")
	require.ErrorIs(t, err, errFindings)
	lines, err := os.ReadFile(findings)
	require.NoError(t, err)
	require.Equal(t, 1, strings.Count(string(lines), "\n"), "%s", lines)
	require.Contains(t, string(lines), `"detail":"dead-link`)
	require.NotContains(t, string(lines), "SECRET")

	report, _, err := invoke(t, "data", "verify", list)
	require.ErrorIs(t, err, errFindings)
	require.Contains(t, report, "0 usable")
	_, _, err = invoke(t, "data", "stats", list, "--set", "data.urls.none=1")
	require.ErrorContains(t, err, "data.urls.none")
}

func TestDataIndex(t *testing.T) {
	out := filepath.Join(t.TempDir(), "images.seeridx")
	require.Contains(t, mustInvoke(t, "data", "index", coloured(t, 9), "--labels", "--out", out), out+": 9 images in ")
	src, err := source.Open(source.Location{Path: out, Labels: true})
	require.NoError(t, err)
	defer src.Close()
	require.Equal(t, []string{"blue", "green", "red"}, src.Classes())

	_, _, err = invoke(t, "data", "index", "x.tar", "--out", out, "--cache", "dir")
	require.ErrorContains(t, err, "--cache dir: say how much of the disk it may take")
	_, _, err = invoke(t, "data", "index", "x.tar", "--out", out, "--cache-size", "1GB")
	require.ErrorContains(t, err, "--cache-size without --cache")
	_, _, err = invoke(t, "data", "index", "x.tar", "--out", out, "--cache", "dir", "--cache-size", "1")
	require.ErrorContains(t, err, `--cache-size: size "1": it has no unit`)

	shards := datatest.Shards(t, 2, 3, 1)
	server := httptest.NewServer(http.FileServer(http.Dir(shards)))
	t.Cleanup(server.Close)
	_, errs, err := invoke(t, "data", "index", server.URL+"/shard-{000..001}.tar", "--out", out, "--cache", t.TempDir(), "--cache-size", "100MB")
	require.NoError(t, err)
	require.Regexp(t, `cache \S+: \d+ bytes from the disk, [0-9.]+ (bytes|MB) from afar`, errs)
	mustInvoke(t, "data", "index", shards, "--shards", "--out", filepath.Join(t.TempDir(), "all.seeridx"))
	side, err := filepath.Glob(filepath.Join(shards, "*.tar.seeridx"))
	require.NoError(t, err)
	require.Len(t, side, 2)
}

// What a source leaves out is said by every command that looks at it.
func TestDataSayWhatIsLeftOut(t *testing.T) {
	dir := t.TempDir()
	datatest.Write(t, filepath.Join(dir, "s.tar"), datatest.Tar(
		datatest.Member{Name: "0.jpg", Body: datatest.JPEG(40, 40, 1)}, datatest.Member{Name: "0.seg.png", Body: datatest.PNG(40, 40, 2)}))
	datatest.Write(t, filepath.Join(dir, ".cache", "x"), nil)
	const said = "left out: 1 hidden (.cache), 1 images beside the one of their sample (s.tar: 0.seg.png); data.members chooses"
	require.Contains(t, mustInvoke(t, "data", "stats", dir), "1 images, 1 usable")
	require.Contains(t, mustInvoke(t, "data", "stats", dir), "\n"+said+"\n")
	var report struct {
		Images  int64
		Skipped map[string]struct {
			Count int64
			First string
		}
	}
	require.NoError(t, json.Unmarshal([]byte(mustInvoke(t, "data", "stats", dir, "--json")), &report))
	require.EqualValues(t, 1, report.Images)
	require.EqualValues(t, 1, report.Skipped["hidden"].Count)
	require.Equal(t, "s.tar: 0.seg.png", report.Skipped["images beside the one of their sample"].First)
	out := filepath.Join(t.TempDir(), "x.seeridx")
	_, errs, err := invoke(t, "data", "index", dir, "--out", out)
	require.NoError(t, err)
	require.Contains(t, errs, said)
	require.Contains(t, mustInvoke(t, "data", "verify", out), said, "an index remembers it")
	require.Contains(t, mustInvoke(t, "data", "stats", dir, "--set", "data.members=*"), "2 images, 2 usable")
	_, errs, err = invoke(t, "data", "index", dir, "--out", out, "--set", "data.members=!*.seg.png")
	require.NoError(t, err)
	require.Contains(t, errs, "1 not chosen by data.members (s.tar: 0.seg.png)")
}
