// SPDX-License-Identifier: MIT

package main

import (
	"context"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/data/datatest"
	"seer/internal/redact"
)

// guarded serves a folder to those who know user, password and signature, and returns a URL with them for each name.
// Every secret has SECRET in it.
func guarded(t *testing.T, dir string) func(name string) string {
	t.Helper()
	files := http.FileServer(http.Dir(dir))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		if user != "SECRETUSER" || password != "SECRET/pass word" || !strings.HasPrefix(r.URL.Query().Get("X-Amz-Signature"), "SECRETSIGN") {
			http.Error(w, "go away, "+r.URL.String(), http.StatusForbidden)
			return
		}
		files.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return func(name string) string {
		return strings.Replace(server.URL, "http://", "http://SECRETUSER:SECRET%2Fpass%20word@", 1) + "/" + name + "?X-Amz-Signature=SECRETSIGN&token=SECRET%3D%3D#SECRETPART"
	}
}

// watch runs a command line and looks for secrets in all that it says.
func watch(t *testing.T, args ...string) (said string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return watchWith(t, ctx, args...)
}

func watchWith(t *testing.T, ctx context.Context, args ...string) (said string, err error) {
	t.Helper()
	out, messages, err := invokeWith(t, ctx, args...)
	said = out + messages
	if err != nil {
		said += redact.Error{Err: err}.Error()
	}
	assert.NotContains(t, said, "SECRET", "%v", args)
	return said, err
}

// sealed looks for secrets in all files below a folder: only a file that nobody else may read can have one.
func sealed(t *testing.T, dir string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		info, err := d.Info()
		require.NoError(t, err)
		if strings.Contains(string(text), "SECRET") {
			assert.Zero(t, info.Mode().Perm()&0o077, "%s has a secret, and is %v", path, info.Mode())
			ending := filepath.Ext(path)
			assert.True(t, ending == ".seeridx" || filepath.Base(path) == "resolved.toml", "%s needs no secret", path)
		}
		assert.NotContains(t, path, "SECRET")
		return nil
	}))
}

// A whole life of a run whose images lie behind a signed URL with a password: nothing of it is said or left lying about.
func TestSecretsOfSourcesStaySecret(t *testing.T) {
	shards := datatest.Shards(t, 2, 6, 2)
	url := guarded(t, shards)
	source := url("shard-{000..001}.tar")
	dir := t.TempDir()
	t.Chdir(dir)
	experiment, run := experimentFile(t, source)
	probes := []string{"--set", "knn.k=3", "--set", "data.max_bad_fraction=0.5"}

	_, err := watch(t, "pretrain", experiment)
	require.NoError(t, err)
	renewed := strings.Replace(source, "SECRETSIGN", "SECRETSIGNED", 1)
	said, err := watch(t, "pretrain", experiment, "--set", "train.duration=5it", "--set", "data.source="+renewed)
	require.NoError(t, err)
	assert.NotContains(t, said, "another data.source", "another signature is no other source")
	assert.NotContains(t, said, "has changed since")
	for _, args := range [][]string{
		append([]string{"knn", run}, probes...), append([]string{"knn", run, "--json"}, probes...), append([]string{"linear-eval", run}, probes...),
		append([]string{"linear-eval", run, "--out", "linear.json"}, probes...),
		{"report", run, "--out", "page.html"},
		{"export", run, "--out", "trunk.safetensors"},
		{"inspect", run},
		{"features", "--weights", run, "--size", "32", "--images", source, "--out", "x.npy"},
		{"data", "verify", source, "--list", "findings.jsonl", "--labels"},
		{"data", "stats", source, "--svg", "sizes.svg", "--json"},
		{"data", "show", experiment},
		{"data", "index", source, "--out", "far.seeridx"},
		{"data", "stats", "far.seeridx"},
		{"data", "stats", source, "--cache", "cache", "--cache-size", "100MB"},
		{"bench", "loader", "--images", source, "--crops", "1x16", "--seconds", "0.05"},
		{"doctor", "--device", "cpu", "--data", source, "--disk-mb", "1"},
		{"pretrain", experiment, "--set", "run.dir=again", "--set", "data.refresh=1ep"},
	} {
		said, err := watch(t, args...)
		assert.NoError(t, err, "%v: %s", args, said)
	}
	sealed(t, dir)
	sealed(t, run)
	page, err := os.ReadFile("page.html")
	require.NoError(t, err)
	assert.Contains(t, string(page), "/shard-{000..001}.tar", "what is no secret is shown")
}

// Lists of URLs with signatures: links that are dead, refused or no URLs at all.
func TestSecretsOfListsStaySecret(t *testing.T) {
	images := coloured(t, 9)
	url := guarded(t, images)
	dir := t.TempDir()
	t.Chdir(dir)
	var list strings.Builder
	for _, name := range []string{"red/000.png", "green/001.png", "blue/002.png", "red/003.png", "none.png"} {
		list.WriteString(url(name) + "\t0\n")
	}
	list.WriteString(strings.Replace(url("red/000.png"), "SECRETSIGN", "SECRET", 1) + "\t0\nhttp://SECRET:SECRET%zz@host/a?SECRET\t0\nhttp://u:SECRET@127.0.0.1:1/a?b=SECRET\t0\n")
	require.NoError(t, os.WriteFile("urls.txt", []byte(list.String()), 0o600))
	experiment, run := experimentFile(t, "urls.txt")
	web := []string{"--set", "data.urls.allow_private=true", "--set", "data.max_bad_fraction=0.9"}
	_, err := watch(t, append([]string{"pretrain", experiment, "--set", "knn.k=1"}, web...)...)
	require.NoError(t, err)
	bad, err := os.ReadFile(filepath.Join(run, "bad_images.jsonl"))
	require.NoError(t, err)
	assert.Contains(t, string(bad), "none.png")
	for _, args := range [][]string{
		append([]string{"data", "verify", "urls.txt", "--list", "findings.jsonl"}, web...),
		append([]string{"data", "index", "urls.txt", "--out", "urls.seeridx"}, web...),
		append([]string{"knn", run, "--set", "knn.k=1"}, web...),
		{"report", run},
	} {
		_, _ = watch(t, args...)
	}
	require.NoError(t, os.Remove("urls.txt"))
	sealed(t, dir)
	sealed(t, run)
}

// Everything that can be wrong with a location, in every place that takes one.
func TestErrorsHoldNoSecrets(t *testing.T) {
	url := guarded(t, datatest.Shards(t, 1, 4, 1))
	experiment, _ := experimentFile(t, coloured(t, 3))
	dir := t.TempDir()
	t.Chdir(dir)
	good := url("shard-000.tar")
	for _, location := range []string{
		strings.Replace(good, "SECRETSIGN", "SECRET", 1), url("none.tar"), url("shard-{000..9x}.tar"), url("picture.png"),
		"http://u:SECRET%zz@h/a.tar?sig=SECRET",
		"http://u:SECRET/SECRET@h/a.tar?sig=SECRET", "http://u:SECRET SECRET@h/a.tar?sig=SECRET", "http://h:SECRET/a.tar", "http://h/a.tar\x01?sig=SECRET",
		"ftp://u:SECRET@h/a.tar?sig=SECRET", "s3://u:SECRET@/a.tar?sig=SECRET",
	} {
		for _, args := range [][]string{
			{"pretrain", experiment, "--set", "data.source=" + location},
			{"pretrain", experiment, "--set", "data.source=" + location, "--set", "data.kind=list"},
			{"pretrain", experiment, "--set", "data.sauce=" + location},
			{"pretrain", experiment, "--set", "optim.batch=" + location},
			{"pretrain", experiment, "--set", "model.arch=" + location},
			{"pretrain", experiment, "--set", "run.device=" + location},
			{"pretrain", experiment, "--set", location},
			{"pretrain", location},
			{"knn", experiment, "--random-init", "--set", "knn.val=" + location},
			{"linear-eval", experiment, "--random-init", "--set", "linear.train=" + location},
			{"linear-eval", experiment, "--weights", location},
			{"export", location, "--out", "x"},
			{"inspect", location},
			{"report", location},
			{"features", "--random-init", "--arch", "regnet_y_200mf", "--images", location, "--out", "x.npy"},
			{"data", "stats", location},
			{"data", "stats", location, "--kind", "folder"},
			{"data", "index", location, "--out", "x.seeridx"},
			{"bench", "loader", "--images", location},
		} {
			_, err := watch(t, args...)
			assert.Error(t, err, "%v", args)
		}
		_, _ = watch(t, "doctor", "--device", "tpu", "--data", location, "--disk-mb", "1")
	}
	// These try again for a while, or ask the machine for credentials first.
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	for _, location := range []string{
		"http://u:SECRET@127.0.0.1:1/a.tar?sig=SECRET", "https://u:SECRET@host.invalid/a.tar?sig=SECRET",
		"s3://bucket/a.tar?X-Amz-Signature=SECRET&nonsense=SECRET", "s3://bucket/a.tar?region=SECRET&use_path_style=SECRET",
		"azblob://c/a.tar?sig=SECRET&nonsense=SECRET",
	} {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		_, err := watchWith(t, ctx, "data", "stats", location)
		assert.Error(t, err, location)
		cancel()
	}
	sealed(t, dir)
}
