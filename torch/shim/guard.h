// SPDX-License-Identifier: MIT
// guard.h - what every shim unit shares: the exception border and the way handles come and go.
#pragma once

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <cstdlib>
#include <cstring>
#include <new>
#include <string>
#include <vector>

#include "ct.h"

namespace seer {

extern thread_local int64_t scope_token;

inline char *message(char kind, const char *text) {
  size_t n = std::strlen(text);
  char *s = static_cast<char *>(std::malloc(n + 2));
  if (s == nullptr) std::abort();  // not even a few bytes left: nothing can be reported any more
  s[0] = kind;
  std::memcpy(s + 1, text, n + 1);
  return s;
}

// The CPU allocator reports exhaustion as a plain c10::Error, CUDA's as OutOfMemoryError: callers see one kind.
inline char kind_of(const std::string &text) {
  return text.find("can't allocate memory") != std::string::npos || text.find("out of memory") != std::string::npos
             ? 'O'
             : 'E';
}

// guard runs f and turns whatever it throws into this call's own error string.
template <class F>
char *guard(F &&f) {
  try {
    f();
    return nullptr;
  } catch (const c10::OutOfMemoryError &e) {
    return message('O', e.what_without_backtrace());
  } catch (const c10::Error &e) {
    return message(kind_of(e.what_without_backtrace()), e.what_without_backtrace());
  } catch (const std::bad_alloc &) {
    return message('O', "host memory is exhausted");
  } catch (const std::exception &e) {
    return message(kind_of(e.what()), e.what());
  } catch (...) {
    return message('E', "an unknown C++ exception");
  }
}

inline at::Tensor &ref(ct_tensor t) { return *static_cast<at::Tensor *>(t); }

inline std::optional<at::Tensor> optional(ct_tensor t) {
  return t == nullptr ? std::optional<at::Tensor>() : std::optional<at::Tensor>(ref(t));
}

inline void put(ct_ref *out, at::Tensor t) {
  out->ptr = new at::Tensor(std::move(t));
  out->scope = scope_token;
}

// In-place operations answer with a NULL handle: the Go side returns its receiver.
inline void put_self(ct_ref *out) {
  out->ptr = nullptr;
  out->scope = 0;
}

inline std::vector<at::Tensor> list(ct_tensor *ts, int64_t n) {
  std::vector<at::Tensor> v;
  v.reserve(n);
  for (int64_t i = 0; i < n; i++) v.push_back(ref(ts[i]));
  return v;
}

inline at::TensorOptions options(const ct_options &o) {
  c10::Device device(static_cast<c10::DeviceType>(o.device_type), static_cast<c10::DeviceIndex>(o.device_index));
  return at::TensorOptions().dtype(static_cast<at::ScalarType>(o.dtype)).device(device).pinned_memory(o.pinned != 0);
}

}  // namespace seer
