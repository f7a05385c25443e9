// SPDX-License-Identifier: MIT

package source

import "context"

// picked are image files that somebody names one by one.
type picked struct{ paths []string }

// Files are the images of some files, in the order in which they are named.
func Files(paths ...string) Source { return picked{paths} }

func (s picked) Len() int64          { return int64(len(s.paths)) }
func (s picked) Name(i int64) string { return s.paths[i] }
func (s picked) Label(int64) int     { return -1 }
func (s picked) Classes() []string   { return nil }
func (s picked) Close() error        { return nil }

func (s picked) Read(ctx context.Context, i int64, buf []byte) (Item, error) {
	if err := ctx.Err(); err != nil {
		return Item{}, err
	}
	bytes, err := readFile(s.paths[i], buf, DefaultMaxFileBytes)
	if err != nil {
		return Item{}, readError(s.paths[i], err)
	}
	return Item{Bytes: bytes}, nil
}
