// SPDX-License-Identifier: MIT

// Package bench measures what users wait for: a training step and the loading of images. Each benchmark prints one JSON
// line whose fields the peer programs in tools/peers print too, so that both can run side by side.
package bench
