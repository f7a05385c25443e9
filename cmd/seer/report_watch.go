// SPDX-License-Identifier: MIT

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/urfave/cli/v2"
)

// watchReload is how often a browser asks for a page again that is being watched.
const watchReload = 10 * time.Second

// watchRuns serves the page of runs, read anew for each request, until it is told to stop. It listens on loopback alone:
// the page shows settings and, by --images, pictures, and asks nobody who they are.
func watchRuns(c *cli.Context, dirs []string) error {
	port := c.Int("port")
	listener, err := (&net.ListenConfig{}).Listen(c.Context, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return fmt.Errorf("--port %d: %w; take another one, or 0 for any that is free", port, err)
	}
	server := &http.Server{Handler: reportHandler(dirs), ReadHeaderTimeout: 10 * time.Second}
	stop := context.AfterFunc(c.Context, func() { _ = server.Close() })
	defer stop()
	fmt.Fprintf(c.App.Writer, "http://%s/ shows the runs as they go on; Ctrl-C ends it\n", listener.Addr())
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// reportHandler draws the runs at /, and nothing else. A page of another site that has this address under a name of its own
// gets nothing either.
func reportHandler(dirs []string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.Host)
		if err != nil || host != "localhost" && !net.ParseIP(host).IsLoopback() {
			http.Error(w, "ask for 127.0.0.1 or localhost", http.StatusForbidden)
			return
		}
		page, err := readRuns(dirs)
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		page.Reload = watchReload
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		_ = page.HTML(w) // a browser that has gone away needs no answer
	})
	return mux
}
