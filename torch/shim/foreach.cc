// SPDX-License-Identifier: MIT
// foreach.cc - whole parameter lists in one call: on CUDA each line is a handful of multi-tensor kernels, and from Go
// it is one crossing of the border in place of hundreds.
#include "guard.h"

using namespace seer;

extern "C" {

char *ct_foreach_norms(ct_tensor *ts, int n, ct_ref *out) {
  return guard([&] { put(out, at::stack(at::_foreach_norm(list(ts, n), 2)).to(at::kFloat)); });
}

char *ct_foreach_copy_(ct_tensor *dst, ct_tensor *src, int n) {
  return guard([&] {
    at::NoGradGuard no_grad;
    at::_foreach_copy_(list(dst, n), list(src, n));
  });
}

char *ct_foreach_adapt_(ct_tensor *grads, ct_tensor *params, int n, ct_tensor rate, ct_tensor decay) {
  return guard([&] {
    at::NoGradGuard no_grad;
    auto g = list(grads, n), p = list(params, n);
    auto r = ref(rate).unbind(0);
    at::_foreach_addcmul_(g, p, ref(decay).unbind(0), 1);
    at::_foreach_mul_(g, r);
  });
}

char *ct_foreach_decay_(ct_tensor *grads, ct_tensor *params, int n, const double *decay) {
  return guard([&] {
    at::NoGradGuard no_grad;
    for (int i = 0; i < n; i++)
      if (decay[i] != 0) ref(grads[i]).add_(ref(params[i]), decay[i]);
  });
}

char *ct_foreach_sgd_(ct_tensor *params, ct_tensor *grads, ct_tensor *buffers, int n, double momentum, int nesterov,
                      const double *lr) {
  return guard([&] {
    at::NoGradGuard no_grad;
    auto p = list(params, n), g = list(grads, n), b = list(buffers, n);
    at::_foreach_mul_(b, momentum);
    at::_foreach_add_(b, g, 1);
    if (nesterov) at::_foreach_add_(g, b, momentum);
    const auto &direction = nesterov ? g : b;
    // Parameters of one rate go together; rules with a multiplier split the list into few runs.
    for (int from = 0; from < n;) {
      int to = from + 1;
      while (to < n && lr[to] == lr[from]) to++;
      at::_foreach_add_(at::TensorList(p).slice(from, to - from), at::TensorList(direction).slice(from, to - from),
                        -lr[from]);
      from = to;
    }
  });
}

char *ct_foreach_unscale_(ct_tensor *grads, int n, ct_tensor found_inf, ct_tensor inv_scale) {
  return guard([&] {
    at::NoGradGuard no_grad;
    at::_amp_foreach_non_finite_check_and_unscale_(list(grads, n), ref(found_inf), ref(inv_scale));
  });
}

char *ct_update_scale_(ct_tensor scale, ct_tensor tracker, ct_tensor found_inf, double growth, double backoff,
                       int64_t interval) {
  return guard([&] { at::_amp_update_scale_(ref(scale), ref(tracker), ref(found_inf), growth, backoff, interval); });
}

}  // extern "C"
