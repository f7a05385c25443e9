// SPDX-License-Identifier: MIT

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

const libraryPath = "LD_LIBRARY_PATH"

// The OpenMP runtime of libtorch lets a thread that waits spin for milliseconds. With the loader's workers on the same
// cores, or any other program, spinning takes the time of whoever is waited for: on a busy machine a step of a small model
// took six times as long. Some microseconds of spinning keep what it is good for.
const (
	spinCount  = "GOMP_SPINCOUNT"
	waitPolicy = "OMP_WAIT_POLICY"
	spins      = "10000"
)

// useLibtorch starts the program again with the environment that its libraries want, because the dynamic linker and
// the OpenMP runtime read theirs once, before main runs: the libtorch that $LIBTORCH names, and short spinning unless
// the user has set a policy. When all that is in place it returns at once; after a successful restart it never returns.
func useLibtorch() error {
	path, restart, err := libraryPathFor(os.Getenv("LIBTORCH"), os.Getenv(libraryPath))
	if err != nil {
		return err
	}
	want := map[string]string{}
	if restart {
		want[libraryPath] = path
	}
	if os.Getenv(spinCount) == "" && os.Getenv(waitPolicy) == "" {
		want[spinCount] = spins
	}
	if len(want) == 0 {
		return nil
	}
	return restartWith(want)
}

// restartWith replaces this process by the same program with some variables set.
func restartWith(variables map[string]string) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	for name, value := range variables {
		if err := os.Setenv(name, value); err != nil {
			return err
		}
	}
	return fmt.Errorf("cannot start %s again: %w", program, syscall.Exec(program, os.Args, os.Environ()))
}

// libraryPathFor puts the libraries of libtorch (a folder, "" for none) before those of path, the present
// LD_LIBRARY_PATH, and says whether that changes anything.
func libraryPathFor(libtorch, path string) (string, bool, error) {
	if libtorch == "" {
		return path, false, nil
	}
	folder, err := filepath.Abs(filepath.Join(libtorch, "lib"))
	if err != nil {
		return "", false, err
	}
	if _, err := os.Stat(filepath.Join(folder, "libtorch_cpu.so")); err != nil {
		return "", false, fmt.Errorf("LIBTORCH is %q, which holds no libtorch: %w; name the folder of an unpacked libtorch 2.11 or unset it", libtorch, err)
	}
	if path == "" {
		return folder, true, nil
	}
	if first, _, _ := strings.Cut(path, ":"); first == folder {
		return path, false, nil
	}
	return folder + ":" + path, true, nil
}
