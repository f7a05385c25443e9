// SPDX-License-Identifier: MIT
// nn.cc - the layers that RegNet, the heads and the losses need.
#include "guard.h"

using namespace seer;

extern "C" {

char *ct_linear(ct_tensor x, ct_tensor w, ct_tensor b, ct_ref *out) {
  return guard([&] { put(out, at::linear(ref(x), ref(w), optional(b))); });
}

char *ct_conv2d(ct_tensor x, ct_tensor w, ct_tensor b, int64_t stride, int64_t padding, int64_t groups, ct_ref *out) {
  return guard([&] {
    put(out, at::conv2d(ref(x), ref(w), optional(b), at::IntArrayRef{stride, stride},
                        at::IntArrayRef{padding, padding}, at::IntArrayRef{1, 1}, groups));
  });
}

char *ct_batch_norm(ct_tensor x, ct_tensor w, ct_tensor b, ct_tensor mean, ct_tensor var, int training,
                    double momentum, double eps, ct_ref *out) {
  return guard([&] {
    put(out, at::batch_norm(ref(x), ref(w), ref(b), optional(mean), optional(var), training != 0, momentum, eps,
                            at::globalContext().benchmarkCuDNN() || at::globalContext().userEnabledCuDNN()));
  });
}

char *ct_adaptive_avg_pool2d(ct_tensor x, int64_t h, int64_t w, ct_ref *out) {
  return guard([&] { put(out, at::adaptive_avg_pool2d(ref(x), at::IntArrayRef{h, w})); });
}

char *ct_normalize(ct_tensor x, int64_t dim, double eps, ct_ref *out) {
  return guard([&] {
    auto &v = ref(x);
    auto norm = at::linalg_vector_norm(v, 2, at::IntArrayRef{dim}, true).clamp_min(eps);
    put(out, at::div(v, norm.expand_as(v)));
  });
}

char *ct_cross_entropy(ct_tensor logits, ct_tensor target, ct_ref *out) {
  return guard([&] { put(out, at::cross_entropy_loss(ref(logits), ref(target))); });
}

// uint8 [N,H,W,3] to a normalised [N,3,H,W] of dtype. The permuted view already is channels-last, so that order costs
// no copy of its own; row-major order costs one, on the bytes, before the wide cast.
char *ct_pixels(ct_tensor u8, const double *mean, const double *std, int32_t dtype, int channels_last, ct_ref *out) {
  return guard([&] {
    auto &p = ref(u8);
    TORCH_CHECK(p.dim() == 4 && p.size(3) == 3 && p.scalar_type() == at::kByte,
                "pixels must be uint8 [N,H,W,3], got ", p.dtype(), " ", p.sizes());
    auto x = p.permute(at::IntArrayRef{0, 3, 1, 2});
    if (!channels_last) x = x.contiguous();
    auto host = at::TensorOptions().dtype(at::kFloat);
    auto scale = at::empty(at::IntArrayRef{1, 3, 1, 1}, host), shift = at::empty(at::IntArrayRef{1, 3, 1, 1}, host);
    for (int c = 0; c < 3; c++) {
      scale.data_ptr<float>()[c] = static_cast<float>(255.0 * std[c]);
      shift.data_ptr<float>()[c] = static_cast<float>(255.0 * mean[c]);
    }
    auto f = x.to(at::kFloat).sub_(shift.to(p.device())).div_(scale.to(p.device()));
    put(out, f.to(static_cast<at::ScalarType>(dtype)));
  });
}

char *ct_init_(int kind, ct_tensor t, double a, double b) {
  return guard([&] {
    at::NoGradGuard no_grad;
    switch (kind) {
      case CT_INIT_NORMAL: ref(t).normal_(a, b); return;
      case CT_INIT_UNIFORM: ref(t).uniform_(a, b); return;
    }
    TORCH_CHECK(false, "unknown initialiser code ", kind);
  });
}

}  // extern "C"
