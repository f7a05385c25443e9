// SPDX-License-Identifier: MIT

package eval

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"seer/nn/statedict"
	"seer/torch"
)

// Digest identifies what the features depend on beside the images: every weight, the layers, normalisation, precision and
// layout, as 64 hexadecimal digits.
func (b *Backbone) Digest() (digest string, err error) {
	err = torch.OnThread(b.Threads, func() error {
		tensors, err := statedict.Of(b.Trunk)
		if err != nil {
			return err
		}
		h := sha256.New()
		fmt.Fprintln(h, b.Layers(), b.Precision, b.ChannelsLast, b.Mean, b.Std)
		for _, t := range tensors {
			fmt.Fprintln(h, t.Info())
			h.Write(t.Data)
		}
		digest = hex.EncodeToString(h.Sum(nil))
		return nil
	})
	return digest, err
}
