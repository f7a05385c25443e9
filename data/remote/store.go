// SPDX-License-Identifier: MIT

package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"gocloud.dev/blob"

	"seer/internal/redact"
)

// Schemes are those of the URLs that can be read.
var Schemes = []string{"https", "http", "s3", "gs", "azblob"}

// StoreOptions bound the patience with a store. The zero value is the default.
type StoreOptions struct {
	// Silence is how long an answer or the next bytes of one may take; 0 means 30 s.
	Silence time.Duration
	// Retries is how often a read is repeated in a row without a byte; 0 means 10. With the pauses between them that
	// outlasts a store that is away for four minutes.
	Retries int
	// Pause is the first pause, which doubles up to a minute; 0 means 500 ms.
	Pause time.Duration
	// Cache keeps what is read on this machine; nil: nothing does. Objects whose store tells no version are not kept.
	Cache *Cache
}

func (o StoreOptions) normal() StoreOptions {
	if o.Silence == 0 {
		o.Silence = 30 * time.Second
	}
	if o.Retries == 0 {
		o.Retries = 10
	}
	if o.Pause == 0 {
		o.Pause = 500 * time.Millisecond
	}
	return o
}

// A Store opens objects. All methods may be called from any number of goroutines.
type Store struct {
	opt StoreOptions

	mu      sync.Mutex
	buckets map[string]*blob.Bucket
}

// New returns a store; connections are made when they are needed.
func New(opt StoreOptions) *Store {
	return &Store{opt: opt.normal(), buckets: map[string]*blob.Bucket{}}
}

// Is reports whether a path is a URL, of whatever scheme.
func Is(path string) bool {
	scheme, _, found := strings.Cut(path, "://")
	return found && scheme != "" && !strings.ContainsAny(scheme, "/\\{")
}

// Name is a URL without what must not be seen: user, password, query.
func Name(location string) string { return redact.URL(location) }

// Open looks an object up: its size and version are those of all reads.
func (s *Store) Open(ctx context.Context, location string) (*Object, error) {
	u, err := parse(location)
	var b backend
	if err == nil {
		b, err = s.backend(ctx, u)
	}
	if err != nil {
		return nil, &Error{Name: Name(location), Err: err}
	}
	o := &Object{name: Name(location), backend: b, opt: s.opt}
	err = o.repeat(ctx, func(ctx context.Context, alive func()) (int, error) {
		var err error
		o.size, o.version, err = b.stat(ctx)
		return 0, err
	}, 1)
	if err != nil {
		return nil, err
	}
	o.id = identify(u, o.version, o.size)
	return o, nil
}

func parse(location string) (*url.URL, error) {
	u, err := url.Parse(location)
	if err != nil {
		return nil, final("its URL cannot be read; it should look like https://host/shard.tar or s3://bucket/shard.tar")
	}
	return u, nil
}

func (s *Store) backend(ctx context.Context, u *url.URL) (backend, error) {
	if !slices.Contains(Schemes, u.Scheme) {
		return nil, final("URLs of scheme %q are not read; allowed are %s", u.Scheme, strings.Join(Schemes, ", "))
	}
	if u.Host == "" || strings.Trim(u.Path, "/") == "" {
		return nil, final("the URL names no object; it should look like %s://%s/shard.tar", u.Scheme, map[bool]string{true: "host", false: "bucket"}[strings.HasPrefix(u.Scheme, "http")])
	}
	if strings.HasPrefix(u.Scheme, "http") {
		return &httpObject{url: u}, nil
	}
	bucket, err := s.bucket(ctx, u)
	if err != nil {
		return nil, err
	}
	return &blobObject{bucket: bucket, key: strings.TrimPrefix(u.Path, "/")}, nil
}

// Close frees the connections to buckets. No read may be running.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var err error
	for _, b := range s.buckets {
		err = errors.Join(err, b.Close())
	}
	clear(s.buckets)
	return err
}

// backend is one object of one kind of store.
type backend interface {
	// stat returns the size and what identifies the content, "" where the store has nothing of the kind.
	stat(ctx context.Context) (size int64, version string, err error)
	// open returns the n bytes from off on, of the object in that size and version.
	open(ctx context.Context, off, n, size int64, version string) (io.ReadCloser, error)
}

// Error is the failure to read an object. It is about the store and says nothing about the images in it.
type Error struct {
	Name string // of the object, without secrets
	Err  error
}

func (e *Error) Error() string { return fmt.Sprintf("%s: %v", e.Name, e.Err) }
func (e *Error) Unwrap() error { return e.Err }

// finalError is one that repeating does not help.
type finalError struct{ text string }

func (e *finalError) Error() string { return e.text }

func final(format string, args ...any) error { return &finalError{fmt.Sprintf(format, args...)} }

// ErrChanged is found in the error of a read when the object is not the one that was opened.
var ErrChanged = errors.New("the object has changed since it was opened")

// laterError asks for a pause before the next attempt.
type laterError struct {
	err   error
	pause time.Duration
}

func (e *laterError) Error() string { return e.err.Error() }
func (e *laterError) Unwrap() error { return e.err }
