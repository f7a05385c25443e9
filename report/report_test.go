// SPDX-License-Identifier: MIT

package report

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// runFolder writes the files of a short run with one probe.
func runFolder(t *testing.T, steps int) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "my-run")
	require.NoError(t, os.Mkdir(dir, 0o755))
	var metrics strings.Builder
	for i := 1; i <= steps; i++ {
		fmt.Fprintf(&metrics, `{"step":%d,"loss":%g,"lr":0.1,"gradient_norm":%d,"epoch":0.5,"images":9,"seconds":1}`+"\n", i, 4-float64(i)/100, i%2)
	}
	for name, text := range map[string]string{
		"resolved.toml": "version = 1\n# <script>", "metrics.jsonl": metrics.String(),
		"results.jsonl": `{"task":"knn","weights":"latest","step":50,"top1":81.25,"top5":99}` + "\n" +
			`{"task":"knn","weights":"latest","step":50,"top1":82.5,"top5":99,"best":"k = 10"}` + "\n",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	}
	return dir
}

func TestReportShowsCurvesProbesAndConfiguration(t *testing.T) {
	r, err := Read(runFolder(t, 100))
	require.NoError(t, err)
	var out bytes.Buffer
	require.NoError(t, (&Page{Runs: []*Run{r}}).HTML(&out))
	page := out.String()
	assert.Contains(t, page, "<h1>my-run</h1>")
	assert.Contains(t, page, "Step 100, 0.5 epochs")
	assert.Contains(t, page, "<td>knn</td><td>latest</td><td>50</td><td>81.25</td>")
	assert.Contains(t, page, "<td>knn, k = 10</td><td>latest</td><td>50</td><td>82.5</td>", "the best of several")
	assert.Equal(t, 3, strings.Count(page, "<svg"), "loss, rate and gradient norm: what the log has")
	assert.Contains(t, page, "&lt;script&gt;", "text of the run cannot become markup")
	assert.NotContains(t, page, "http-equiv")
}

func TestCurveOfAMissingMetricIsNone(t *testing.T) {
	svg, err := Curve{Key: "nothing"}.SVG(&Run{Lines: []Line{{"step": 1.0}}})
	require.NoError(t, err)
	assert.Nil(t, svg)
}

func TestCurveSkipsWhatCannotBeDrawn(t *testing.T) {
	lines := []Line{{"step": 1.0, "x": math.NaN()}, {"step": 2.0, "x": 0.0}, {"step": 3.0, "x": 7.0}, {"x": 1.0}}
	assert.Len(t, Curve{Key: "x"}.points(lines), 2)
	assert.Len(t, Curve{Key: "x", Log: true}.points(lines), 1)
}

func TestRunningMean(t *testing.T) {
	r, err := Read(runFolder(t, 10))
	require.NoError(t, err)
	pts := Curve{Key: "gradient_norm"}.points(r.Lines)
	mean := runningMean(pts, 2)
	assert.InDelta(t, 1, mean[0].Y, 1e-12)
	assert.InDelta(t, .5, mean[9].Y, 1e-12)
}

// Several runs share each figure, and what differs between them stands in a table.
func TestRunsBesideEachOther(t *testing.T) {
	a, err := Read(runFolder(t, 100))
	require.NoError(t, err)
	b, err := Read(runFolder(t, 60))
	require.NoError(t, err)
	a.Config, b.Config = "version = 1\nname = \"a\"\n[run]\nseed = 0\n[[crops]]\nsize = 64", "version = 1\nname = \"b\"\n[run]\nseed = 7\n[[crops]]\nsize = 64"
	a.Dir, b.Dir = "runs/first/x", "runs/<b>/x"
	var out bytes.Buffer
	p := Page{Runs: []*Run{a, b}, Pictures: []Picture{{Title: "Map", Text: "of features", PNG: []byte("png")}}, Reload: 10 * time.Second}
	require.NoError(t, p.HTML(&out))
	page := out.String()
	assert.Contains(t, page, "<h1>first/x, &lt;b&gt;/x</h1>")
	assert.Equal(t, 3, strings.Count(page, "<svg"))
	assert.NotContains(t, page, "<b>", "names of folders cannot become markup")
	assert.Contains(t, page, "<td>run.seed</td><td>0</td><td>7</td>")
	assert.NotContains(t, page, "<td>crops.0.size</td>")
	assert.NotContains(t, page, "<td>name</td>")
	assert.Contains(t, page, "<td>first/x</td><td>knn</td>")
	assert.Contains(t, page, `src="data:image/png;base64,cG5n"`)
	assert.Contains(t, page, `<meta http-equiv="refresh" content="10">`)
}

func TestReadRefusesOtherFolders(t *testing.T) {
	_, err := Read(t.TempDir())
	assert.ErrorContains(t, err, "is no run folder")
}

// A folder may hold anything under the name: a device that never ends, a disk image.
func TestReadTakesNoConfigurationOfAnySize(t *testing.T) {
	dir := runFolder(t, 1)
	config := filepath.Join(dir, "resolved.toml")
	require.NoError(t, os.Truncate(config, 1<<40))
	_, err := Read(dir)
	assert.ErrorContains(t, err, "resolved.toml has 1099511627776 bytes, and such a file at most")
	require.NoError(t, os.Remove(config))
	require.NoError(t, os.Mkdir(config, 0o755))
	_, err = Read(dir)
	assert.ErrorContains(t, err, "is not a regular file")
}
