// SPDX-License-Identifier: MIT

//go:build torchdebug

package torch

import "runtime/pprof"

// Debug reports whether the package was built with the torchdebug tag.
const Debug = true

// profile holds the stack that made each live tensor: `go tool pprof` shows where a leak comes from.
var profile = pprof.NewProfile("seer/torch.Tensor")

func trackOpen(t *Tensor)  { profile.Add(t, 3) }
func trackClose(t *Tensor) { profile.Remove(t) }
