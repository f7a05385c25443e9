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

// useLibtorch starts the program again with the libtorch that $LIBTORCH names. The dynamic linker has chosen one
// before main runs, and only listens to LD_LIBRARY_PATH, which it reads once. Without LIBTORCH, or when that choice
// is already made, it returns at once; after a successful restart it never returns.
func useLibtorch() error {
	path, restart, err := libraryPathFor(os.Getenv("LIBTORCH"), os.Getenv(libraryPath))
	if err != nil || !restart {
		return err
	}
	program, err := os.Executable()
	if err != nil {
		return err
	}
	if err := os.Setenv(libraryPath, path); err != nil {
		return err
	}
	return fmt.Errorf("cannot start %s again with LIBTORCH: %w", program, syscall.Exec(program, os.Args, os.Environ()))
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
