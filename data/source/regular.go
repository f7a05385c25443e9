// SPDX-License-Identifier: MIT

package source

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// openRegular opens a regular file, and refuses folders, pipes and devices
// without waiting for them: to open a pipe that nobody writes would never end.
func openRegular(path string) (*os.File, fs.FileInfo, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, err
	}
	st, err := f.Stat()
	if err == nil && !st.Mode().IsRegular() {
		err = fmt.Errorf("%s is a %s; a regular file is needed", path, typeName(st.Mode()))
	}
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	return f, st, nil
}

// typeName says what a file is that is not a regular one.
func typeName(mode fs.FileMode) string {
	switch mode.Type() {
	case fs.ModeDir:
		return "folder"
	case fs.ModeNamedPipe:
		return "pipe"
	case fs.ModeSocket:
		return "socket"
	}
	return "device"
}
