// SPDX-License-Identifier: MIT
// autograd.cc - gradients, grad mode and autocast. Grad mode and autocast are thread-local in libtorch: the Go side
// holds its OS thread while it has changed them.
#include <ATen/autocast_mode.h>
#include <torch/csrc/autograd/autograd.h>

#include "guard.h"

using namespace seer;

extern "C" {

char *ct_set_requires_grad(ct_tensor t, int on) {
  return guard([&] { ref(t).set_requires_grad(on != 0); });
}

char *ct_grad(ct_tensor t, ct_ref *out) {
  return guard([&] {
    const auto &g = ref(t).grad();
    if (g.defined()) return put(out, g);
    out->ptr = nullptr;
  });
}

char *ct_set_grad(ct_tensor t, ct_tensor grad) {
  return guard([&] { ref(t).mutable_grad() = grad == nullptr ? at::Tensor() : ref(grad); });
}

char *ct_clear_grads(ct_tensor *ts, int n) {
  return guard([&] {
    for (int i = 0; i < n; i++) ref(ts[i]).mutable_grad() = at::Tensor();
  });
}

char *ct_backward(ct_tensor *ts, ct_tensor *grads, int n, int retain_graph) {
  return guard([&] {
    std::vector<at::Tensor> seeds;
    if (grads != nullptr) seeds = list(grads, n);
    torch::autograd::backward(list(ts, n), seeds, retain_graph != 0);
  });
}

int ct_grad_mode_swap(int on) {
  int old = at::GradMode::is_enabled();
  at::GradMode::set_enabled(on != 0);
  return old;
}

int ct_grad_mode(void) { return at::GradMode::is_enabled(); }

char *ct_autocast_enter(int32_t device_type, ct_autocast_state next, ct_autocast_state *previous) {
  return guard([&] {
    auto device = static_cast<c10::DeviceType>(device_type);
    previous->enabled = at::autocast::is_autocast_enabled(device);
    previous->dtype = static_cast<int32_t>(at::autocast::get_autocast_dtype(device));
    previous->cache = at::autocast::is_autocast_cache_enabled();
    at::autocast::set_autocast_enabled(device, next.enabled != 0);
    at::autocast::set_autocast_dtype(device, static_cast<at::ScalarType>(next.dtype));
    at::autocast::set_autocast_cache_enabled(next.cache != 0);
    at::autocast::increment_nesting();
  });
}

char *ct_autocast_exit(int32_t device_type, ct_autocast_state previous) {
  return guard([&] {
    auto device = static_cast<c10::DeviceType>(device_type);
    if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
    at::autocast::set_autocast_enabled(device, previous.enabled != 0);
    at::autocast::set_autocast_dtype(device, static_cast<at::ScalarType>(previous.dtype));
    at::autocast::set_autocast_cache_enabled(previous.cache != 0);
  });
}

char *ct_autocast_get(int32_t device_type, ct_autocast_state *out) {
  return guard([&] {
    auto device = static_cast<c10::DeviceType>(device_type);
    out->enabled = at::autocast::is_autocast_enabled(device);
    out->dtype = static_cast<int32_t>(at::autocast::get_autocast_dtype(device));
    out->cache = at::autocast::is_autocast_cache_enabled();
  });
}

}  // extern "C"
