// SPDX-License-Identifier: MIT

package torch

// #include "ct.h"
import "C"

import "runtime"

// Account runs f and returns how many bytes of tensors it has left allocated (less than 0: it has freed others), and the
// most that were allocated at any time above what there was before. It counts what the calling thread asks libtorch for
// in f, on all devices together; work space within libraries is not in it.
func Account(f func()) (left, peak int64) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	C.ct_account_open()
	defer func() {
		var l, p C.int64_t
		C.ct_account_close(&l, &p)
		left, peak = int64(l), int64(p)
	}()
	f()
	return
}
