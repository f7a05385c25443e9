// SPDX-License-Identifier: MIT

package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"gocloud.dev/blob"
	_ "gocloud.dev/blob/azureblob" // azblob://
	_ "gocloud.dev/blob/gcsblob"   // gs://
	_ "gocloud.dev/blob/s3blob"    // s3://
	"gocloud.dev/gcerrors"

	"seer/internal/redact"
)

// blobObject is an object of a bucket, read by the Go CDK.
type blobObject struct {
	bucket *blob.Bucket
	key    string
}

// bucket connects to the bucket of a URL, once.
func (s *Store) bucket(ctx context.Context, u *url.URL) (*blob.Bucket, error) {
	where := url.URL{Scheme: u.Scheme, Host: u.Host, RawQuery: u.RawQuery}
	s.mu.Lock()
	defer s.mu.Unlock()
	if b := s.buckets[where.String()]; b != nil {
		return b, nil
	}
	b, err := blob.OpenBucket(ctx, where.String())
	if err != nil {
		return nil, final("the bucket cannot be opened: %s", redact.Without(err.Error(), where.String()))
	}
	s.buckets[where.String()] = b
	return b, nil
}

func (o *blobObject) stat(ctx context.Context) (int64, string, error) {
	a, err := o.bucket.Attributes(ctx, o.key)
	if err != nil {
		return 0, "", bucketError(err)
	}
	return a.Size, a.ETag + modified(a.ModTime), nil
}

// modified is the part of a version that comes with every range too, in seconds as in HTTP's headers.
func modified(t time.Time) string { return fmt.Sprintf("@%d", t.Unix()) }

func (o *blobObject) open(ctx context.Context, off, n, size int64, version string) (io.ReadCloser, error) {
	r, err := o.bucket.NewRangeReader(ctx, o.key, off, n, nil)
	if err != nil {
		return nil, bucketError(err)
	}
	if r.Size() != size || !strings.HasSuffix(version, modified(r.ModTime())) {
		r.Close()
		return nil, fmt.Errorf("%w: it has %d bytes of %v, and had %d", ErrChanged, r.Size(), r.ModTime(), size)
	}
	return r, nil
}

// bucketError keeps the store's words out: they may quote the request with its credentials.
func bucketError(err error) error {
	code := gcerrors.Code(err)
	// Amazon's client knows the answer's status where it has no code, as for a wrong key.
	var answer interface{ HTTPStatusCode() int }
	if errors.As(err, &answer) && (answer.HTTPStatusCode() == http.StatusForbidden || answer.HTTPStatusCode() == http.StatusUnauthorized) {
		code = gcerrors.PermissionDenied
	}
	switch code {
	case gcerrors.NotFound:
		return final("there is no such object or bucket")
	case gcerrors.PermissionDenied:
		return final("the store refuses access: check the credentials in the environment, the profile or the instance's role")
	case gcerrors.InvalidArgument, gcerrors.Unimplemented, gcerrors.FailedPrecondition:
		return final("the store refuses the request: %v", code)
	default:
		return fmt.Errorf("the store answers: %v", code)
	}
}
