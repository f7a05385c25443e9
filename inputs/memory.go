// SPDX-License-Identifier: MIT

package inputs

import (
	"fmt"
	"strings"

	"seer/config"
	"seer/data/augment"
	"seer/internal/resident"
)

// CheckMemory refuses batches of pretraining that this machine has no room for, in one of so many processes.
func CheckMemory(e *config.Experiment, world int) error {
	err := Fit(e.Views(), max(e.Optim.Batch/max(world, 1), 1), e.Data.Prefetch)
	if err == nil {
		return nil
	}
	var crops []string
	for _, c := range e.Crops {
		crops = append(crops, fmt.Sprintf("%dx%d", c.Count, c.Size))
	}
	return fmt.Errorf("optim.batch = %d, crops %s, data.prefetch = %d: %w", e.Optim.Batch, strings.Join(crops, "+"), e.Data.Prefetch, err)
}

// Fit refuses batches that this machine has no room for: the kernel would end the process when they are filled, without
// a word and maybe hours later. It counts the pixels that are made ahead.
func Fit(views augment.MultiCrop, batch, prefetch int) error {
	total, _, err := resident.Machine()
	if err != nil {
		return nil // the kernel does not tell; then nothing can be promised
	}
	return fit(views, batch, prefetch, total)
}

// fit is Fit for a machine with so many bytes.
func fit(views augment.MultiCrop, batch, prefetch int, total int64) error {
	image, held := views.Bytes(), prefetch+1 // one more is with the consumer
	need := float64(held) * float64(batch) * float64(image)
	if need <= float64(total) {
		return nil
	}
	return fmt.Errorf("%d batches of %d images, %.1f MB of pixels each image, are %.1f GB, and this machine has %.1f GB in all: take smaller batches, fewer or smaller crops",
		held, batch, float64(image)/1e6, need/1e9, float64(total)/1e9)
}
