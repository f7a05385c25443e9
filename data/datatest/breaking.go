// SPDX-License-Identifier: MIT

package datatest

import "net/http"

// Breaking lets n bytes of an answer pass and then closes the connection, whatever length the header has promised.
func Breaking(w http.ResponseWriter, n int) http.ResponseWriter { return &breaking{w, n} }

type breaking struct {
	http.ResponseWriter
	left int
}

func (b *breaking) Write(p []byte) (int, error) {
	n, err := b.ResponseWriter.Write(p[:min(len(p), b.left)])
	if b.left -= n; b.left == 0 && err == nil {
		b.ResponseWriter.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
	return n, err
}
