// SPDX-License-Identifier: MIT

package remote

import "time"

// SetIdle lets tests remove objects that have just been read.
func (c *Cache) SetIdle(d time.Duration) { c.space.idle = d }

// SetBefore lets tests fail operations on files: open, write, remove.
func (c *Cache) SetBefore(f func(op string) error) { c.before = f }
