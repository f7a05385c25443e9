// SPDX-License-Identifier: MIT

package launch

import (
	"context"

	"seer/data/remote"
	"seer/inputs"
	"seer/train"
)

// cacheWatch says once that the cache of far shards fails: the run goes on without it, and may be slower than it should.
type cacheWatch struct {
	*Launch
	warned bool
}

func (c *cacheWatch) observe(_ context.Context, e train.Event) error {
	c.warn(e.Step, inputs.Location(c.Experiment.Data).Cache.Stats())
	return nil
}

func (c *cacheWatch) warn(step int64, stats remote.CacheStats) {
	if c.warned || stats.Failures == 0 {
		return
	}
	c.warned = true
	c.Say("warning: step %d: %v. What data.cache cannot give is read from afar", step, stats.Err)
}
