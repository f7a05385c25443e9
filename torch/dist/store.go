// SPDX-License-Identifier: MIT

package dist

// #cgo CFLAGS: -I${SRCDIR}/../shim
// #include <stdlib.h>
// #include "ct.h"
import "C"

import (
	"time"
	"unsafe"

	"seer/torch"
)

// Store is where processes meet: a map of keys to bytes that a server holds for all. It is safe for use by several
// goroutines, of which one at a time is served.
type Store struct{ ptr C.ct_store }

// StoreAddress says where a store is served.
type StoreAddress struct {
	Host  string
	Port  int
	Serve bool // by this process
	// Listener is the file descriptor of a listening socket at that port, for a server that got one from its parent; 0: the
	// server listens itself.
	Listener int
}

// OpenStore serves a store or waits for its server, at most for so long.
func OpenStore(a StoreAddress, wait time.Duration) (*Store, error) {
	host := C.CString(a.Host)
	defer C.free(unsafe.Pointer(host))
	server, listener := C.int(0), C.int(-1)
	if a.Serve {
		server = 1
	}
	if a.Listener > 0 {
		listener = C.int(a.Listener)
	}
	s := &Store{}
	msg := C.ct_store_open(host, C.int(a.Port), server, listener, C.double(wait.Seconds()), &s.ptr)
	return s, failure("store_open", msg)
}

// failure is the error of a call that did not get through.
func failure(op string, msg *C.char, inputs ...*torch.Tensor) error {
	return torch.CallError(op, unsafe.Pointer(msg), ErrLost, inputs...)
}

// Set puts a value under a key.
func (s *Store) Set(key, value string) error {
	k, data := C.CString(key), []byte(value)
	defer C.free(unsafe.Pointer(k))
	return failure("store_set", C.ct_store_set(s.ptr, k, unsafe.Pointer(unsafe.SliceData(data)), C.int64_t(len(data))))
}

// Get waits until somebody has put a value under a key, at most for so long.
func (s *Store) Get(key string, wait time.Duration) (string, error) {
	k := C.CString(key)
	defer C.free(unsafe.Pointer(k))
	var data unsafe.Pointer
	var n C.int64_t
	if err := failure("store_get", C.ct_store_get(s.ptr, k, C.double(wait.Seconds()), &data, &n)); err != nil {
		return "", err
	}
	defer C.free(data)
	return string(C.GoBytes(data, C.int(n))), nil
}

// Has tells whether there is a value under a key.
func (s *Store) Has(key string) (bool, error) {
	k := C.CString(key)
	defer C.free(unsafe.Pointer(k))
	var there C.int
	err := failure("store_has", C.ct_store_has(s.ptr, k, &there))
	return there != 0, err
}

// Close leaves the store; that of the server ends it for all.
func (s *Store) Close() {
	if s.ptr != nil {
		C.ct_store_free(s.ptr)
		s.ptr = nil
	}
}
