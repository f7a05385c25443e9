// SPDX-License-Identifier: MIT

package torch

// All link flags of the package stand here. build.sh puts libtorch and the compiled shim into third_party; the
// run path lets `go test` and `go run` find them without any environment. It is a RUNPATH, which LD_LIBRARY_PATH beats.

// #cgo CFLAGS: -I${SRCDIR}/shim
// #cgo LDFLAGS: -L${SRCDIR}/../third_party/shim -lseertorch
// #cgo LDFLAGS: -Wl,-rpath,${SRCDIR}/../third_party/shim -Wl,-rpath,${SRCDIR}/../third_party/libtorch/lib
// #cgo LDFLAGS: -Wl,-rpath-link,${SRCDIR}/../third_party/libtorch/lib
import "C"
