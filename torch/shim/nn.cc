// SPDX-License-Identifier: MIT
// nn.cc - the layers that trunks, heads and losses need.
#include <cmath>

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

char *ct_max_pool2d(ct_tensor x, int64_t kernel, int64_t stride, int64_t padding, ct_ref *out) {
  return guard([&] {
    put(out, at::max_pool2d(ref(x), at::IntArrayRef{kernel, kernel}, at::IntArrayRef{stride, stride},
                            at::IntArrayRef{padding, padding}));
  });
}

char *ct_avg_pool2d(ct_tensor x, int64_t kernel, int64_t stride, int64_t behind, ct_ref *out) {
  return guard([&] {
    auto padded = at::constant_pad_nd(ref(x), at::IntArrayRef{0, behind, 0, behind});
    put(out, at::avg_pool2d(padded, at::IntArrayRef{kernel, kernel}, at::IntArrayRef{stride, stride}));
  });
}

char *ct_resize_bicubic(ct_tensor x, int64_t h, int64_t w, ct_ref *out) {
  return guard([&] { put(out, at::_upsample_bicubic2d_aa(ref(x), at::IntArrayRef{h, w}, false)); });
}

char *ct_layer_norm(ct_tensor x, ct_tensor w, ct_tensor b, double eps, ct_ref *out) {
  return guard([&] { put(out, at::layer_norm(ref(x), at::IntArrayRef{ref(w).size(0)}, ref(w), ref(b), eps)); });
}

char *ct_attention(ct_tensor q, ct_tensor k, ct_tensor v, ct_ref *out) {
  return guard([&] { put(out, at::scaled_dot_product_attention(ref(q), ref(k), ref(v))); });
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
      case CT_INIT_TRUNCATED: {  // the quantiles of N(0, a^2) between -b and b
        double inside = std::erf(b / (a * std::sqrt(2.0)));
        ref(t).uniform_(-inside, inside).erfinv_().mul_(a * std::sqrt(2.0)).clamp_(-b, b);
        return;
      }
    }
    TORCH_CHECK(false, "unknown initialiser code ", kind);
  });
}

}  // extern "C"
