// SPDX-License-Identifier: MIT

package inputs

import (
	"fmt"
	"strings"

	"seer/config"
	"seer/internal/resident"
)

// CheckMemory refuses batches that this machine has no room for: the kernel would end the process when they are filled,
// without a word and maybe hours later. It counts the pixels that wait for a trainer, of one of so many processes.
func CheckMemory(e *config.Experiment, world int) error {
	total, _, err := resident.Machine()
	if err != nil {
		return nil // the kernel does not tell; then nothing can be promised
	}
	return fits(e, world, total)
}

// fits is CheckMemory for a machine with so many bytes.
func fits(e *config.Experiment, world int, total int64) error {
	images := max(e.Optim.Batch/max(world, 1), 1)
	image := e.Views().Bytes()
	held := e.Data.Prefetch + 1 // one more is with the trainer
	need := float64(held) * float64(images) * float64(image)
	if need <= float64(total) {
		return nil
	}
	var crops []string
	for _, c := range e.Crops {
		crops = append(crops, fmt.Sprintf("%dx%d", c.Count, c.Size))
	}
	return fmt.Errorf("optim.batch = %d, crops %s, data.prefetch = %d: %d batches of %d images, %.1f MB of pixels each image, are %.1f GB, and this machine has %.1f GB in all: lower one of the three",
		e.Optim.Batch, strings.Join(crops, "+"), e.Data.Prefetch, held, images, float64(image)/1e6, need/1e9, float64(total)/1e9)
}
