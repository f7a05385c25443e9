// SPDX-License-Identifier: MIT

package main

import (
	"fmt"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A browser without a screen draws the page, wide and narrow, and has nothing to complain of. SEER_SCREENSHOTS names a folder
// that keeps what it drew.
func TestReportPageInABrowser(t *testing.T) {
	browser := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			browser = path
			break
		}
	}
	if browser == "" {
		t.Skip("no chromium on the path: the page is not looked at (Debian: apt install chromium)")
	}
	shots := os.Getenv("SEER_SCREENSHOTS")
	if shots == "" {
		shots = t.TempDir()
	}
	page := filepath.Join(t.TempDir(), "page.html")
	mustInvoke(t, "report", watchedRun(t), watchedRun(t), "--out", page)
	for _, width := range []int{1400, 390} {
		shot := filepath.Join(shots, fmt.Sprintf("report-%d.png", width))
		c := exec.Command(browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", "--enable-logging=stderr",
			"--user-data-dir="+t.TempDir(), fmt.Sprintf("--window-size=%d,2400", width), "--screenshot="+shot, "file://"+page)
		out, err := c.CombinedOutput()
		require.NoError(t, err, string(out))
		for _, line := range strings.Split(string(out), "\n") {
			assert.NotContains(t, line, "CONSOLE", "the browser's console has a message")
		}
		f, err := os.Open(shot)
		require.NoError(t, err)
		defer f.Close()
		im, err := png.Decode(f)
		require.NoError(t, err)
		assert.Equal(t, width, im.Bounds().Dx())
	}
}
