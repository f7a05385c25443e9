// SPDX-License-Identifier: MIT

package runfolder_test

import (
	"errors"
	"fmt"
	"os"

	"seer/runfolder"
)

// A loop that continues where it was stopped.
func Example() {
	dir, err := os.MkdirTemp("", "run")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	for range 2 { // two processes, one after the other
		if err := threeSteps(dir); err != nil {
			fmt.Println(err)
		}
	}
	// Output:
	// starts at step 0
	// starts at step 3
}

func threeSteps(dir string) error {
	run, err := runfolder.Open(dir, runfolder.KeepOptions{Keep: 2})
	if err != nil {
		return err
	}
	defer run.Close()
	first := int64(0)
	newest, err := run.Newest()
	if err == nil {
		first = newest.Step
	} else if !errors.Is(err, runfolder.ErrNoCheckpoint) {
		return err
	}
	if err := run.Begin(runfolder.Start{}); err != nil {
		return err
	}
	fmt.Println("starts at step", first)
	return run.Save(first+3, func(w *runfolder.Writer) error {
		return w.JSON(runfolder.StateFile, map[string]int64{"step": first + 3})
	})
}
