// SPDX-License-Identifier: MIT

package remote_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"seer/data/datatest"
	"seer/data/remote"
)

// startGateway runs an S3 server over a folder, whose folders are its buckets.
func startGateway(t *testing.T, dir string) *url.URL {
	t.Helper()
	versions, err := os.ReadFile("../../third_party/VERSIONS")
	require.NoError(t, err)
	version := regexp.MustCompile(`(?m)^gateway \S+ (\S+)$`).FindSubmatch(versions)
	require.NotNil(t, version)
	program := filepath.Join("../../third_party/bin", string(version[1]), "versitygw")
	if _, err := os.Stat(program); errors.Is(err, fs.ErrNotExist) && os.Getenv("CI") == "" {
		t.Skipf("the S3 server %s is not built: ./build.sh test builds it", program)
	}
	require.FileExists(t, program, "./build.sh test builds it")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := listener.Addr().String()
	require.NoError(t, listener.Close())
	server := exec.Command(program, "--access", "test", "--secret", "SECRET", "--port", address, "posix", "--nometa", dir)
	require.NoError(t, server.Start())
	t.Cleanup(func() { server.Process.Kill(); server.Wait() })
	require.Eventually(t, func() bool {
		c, err := net.Dial("tcp", address)
		if err == nil {
			c.Close()
		}
		return err == nil
	}, 10*time.Second, 20*time.Millisecond, "the S3 server does not answer")
	t.Setenv("AWS_ACCESS_KEY_ID", "test")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "SECRET")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	return &url.URL{Scheme: "http", Host: address}
}

func location(endpoint, key string) string {
	return fmt.Sprintf("s3://images/%s?region=us-east-1&use_path_style=true&endpoint=%s", key, url.QueryEscape(endpoint))
}

// spoil is a proxy that harms every answer with an object's bytes but each sixth one, each time in another way.
type spoil struct {
	proxy *httputil.ReverseProxy
	asked atomic.Int64
	done  [6]atomic.Int64 // by kind of harm; 0 is none
}

func newSpoil(t *testing.T, server *url.URL) (*spoil, string) {
	s := &spoil{proxy: &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(server); r.Out.Host = r.In.Host }}}
	faulty := httptest.NewServer(s)
	t.Cleanup(faulty.Close)
	t.Cleanup(faulty.CloseClientConnections)
	return s, faulty.URL
}

func (s *spoil) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	harm := int64(0)
	if r.Method == http.MethodGet {
		harm = s.asked.Add(1) % 6
	}
	s.done[harm].Add(1)
	proxy := *s.proxy
	switch harm {
	case 1: // reset in the middle
		w = datatest.Breaking(w, 50_000)
	case 2: // an answer that is shorter than it should be, and says so
		proxy.ModifyResponse = shorten(30_000)
	case 3:
		http.Error(w, "busy", http.StatusServiceUnavailable)
		return
	case 4: // silence
		<-r.Context().Done()
		return
	case 5: // headers, then silence
		proxy.ModifyResponse = func(a *http.Response) error {
			a.Body = struct {
				io.Reader
				io.Closer
			}{io.MultiReader(io.LimitReader(a.Body, 20_000), silence{r.Context()}), a.Body}
			return nil
		}
	}
	proxy.ServeHTTP(w, r)
}

// shorten cuts a body and corrects its length.
func shorten(n int64) func(*http.Response) error {
	return func(a *http.Response) error {
		if a.ContentLength > n {
			a.ContentLength = n
			a.Header.Set("Content-Length", fmt.Sprint(n))
			a.Body = struct {
				io.Reader
				io.Closer
			}{io.LimitReader(a.Body, n), a.Body}
		}
		return nil
	}
}

// silence is a body that never ends and has nothing to say.
type silence struct{ ctx context.Context }

func (s silence) Read([]byte) (int, error) {
	<-s.ctx.Done()
	return 0, s.ctx.Err()
}

// A real S3 server, and one whose answers are reset, cut, refused or never come: the same bytes.
func TestS3(t *testing.T) {
	dir := t.TempDir()
	content := noise(300_000)
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "images", "deep"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "images", "deep", "shard.tar"), content, 0o644))
	server := startGateway(t, dir)
	faults, faulty := newSpoil(t, server)
	for name, endpoint := range map[string]string{"well": server.String(), "spoilt": faulty} {
		t.Run(name, func(t *testing.T) {
			o := open(t, location(endpoint, "deep/shard.tar"))
			require.EqualValues(t, len(content), o.Size())
			require.NotEmpty(t, o.Version())
			require.Equal(t, "s3://images/deep/shard.tar", o.Name())
			for _, span := range [][2]int{{0, len(content)}, {12_345, 234_567}, {299_999, 300_000}} {
				got := make([]byte, span[1]-span[0])
				require.NoError(t, o.ReadAt(t.Context(), got, int64(span[0])))
				require.Equal(t, content[span[0]:span[1]], got)
			}
		})
	}
	for harm := range faults.done {
		require.Positive(t, faults.done[harm].Load(), "harm %d", harm)
	}

	_, err := remote.New(impatient).Open(t.Context(), location(server.String(), "deep/none.tar"))
	require.ErrorContains(t, err, "s3://images/deep/none.tar: there is no such object")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "WRONG")
	_, err = remote.New(impatient).Open(t.Context(), location(server.String(), "deep/shard.tar"))
	require.ErrorContains(t, err, "the store refuses access: check the credentials")
	require.NotContains(t, err.Error(), "WRONG")

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = remote.New(impatient).Open(ctx, location(server.String(), "deep/shard.tar"))
	require.ErrorIs(t, err, context.Canceled)
}
