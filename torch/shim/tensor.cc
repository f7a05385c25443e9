// SPDX-License-Identifier: MIT
// tensor.cc - handles: making, freeing, describing tensors, and copies between them and host memory.
#include "guard.h"

using namespace seer;

namespace seer {
thread_local int64_t scope_token = 0;
}

extern "C" {

void ct_free(ct_tensor t) { delete static_cast<at::Tensor *>(t); }

void ct_free_many(ct_tensor *ts, int64_t n) {
  for (int64_t i = 0; i < n; i++) delete static_cast<at::Tensor *>(ts[i]);
}

ct_tensor ct_none(void) {
  static at::Tensor none;
  return &none;
}

int64_t ct_scope_swap(int64_t token) {
  int64_t old = scope_token;
  scope_token = token;
  return old;
}

int64_t ct_scope_token(void) { return scope_token; }

char *ct_tensor_info(ct_tensor t, ct_info *out) {
  return guard([&] {
    const auto &x = ref(t);
    TORCH_CHECK(x.dim() <= CT_MAX_DIMS, "tensors of more than ", CT_MAX_DIMS, " dimensions are not supported, got ",
                x.dim());
    for (int64_t i = 0; i < x.dim(); i++) out->sizes[i] = x.size(i);
    out->numel = x.numel();
    out->dim = static_cast<int32_t>(x.dim());
    out->dtype = static_cast<int32_t>(x.scalar_type());
    out->device_type = static_cast<int32_t>(x.device().type());
    out->device_index = x.device().index();
    out->requires_grad = x.requires_grad();
    out->contiguous = x.is_contiguous();
    out->channels_last = x.dim() == 4 && x.is_contiguous(at::MemoryFormat::ChannelsLast);
    out->element_size = static_cast<int32_t>(x.element_size());
  });
}

char *ct_alias(ct_tensor t, ct_ref *out) {
  return guard([&] { put(out, ref(t)); });
}

char *ct_create(int kind, const int64_t *sizes, int n, ct_options o, ct_ref *out) {
  return guard([&] {
    at::IntArrayRef s(sizes, n);
    auto opt = options(o);
    switch (kind) {
      case CT_EMPTY: return put(out, at::empty(s, opt));
      case CT_ZEROS: return put(out, at::zeros(s, opt));
      case CT_ONES: return put(out, at::ones(s, opt));
      case CT_RAND: return put(out, at::rand(s, opt));
      case CT_RANDN: return put(out, at::randn(s, opt));
    }
    TORCH_CHECK(false, "unknown creation code ", kind);
  });
}

char *ct_full(const int64_t *sizes, int n, double value, ct_options o, ct_ref *out) {
  return guard([&] { put(out, at::full(at::IntArrayRef(sizes, n), value, options(o))); });
}

char *ct_from_bytes(const void *data, int64_t bytes, const int64_t *sizes, int n, int32_t dtype, ct_ref *out) {
  return guard([&] {
    auto t = at::empty(at::IntArrayRef(sizes, n), at::TensorOptions().dtype(static_cast<at::ScalarType>(dtype)));
    int64_t want = t.numel() * static_cast<int64_t>(t.element_size());
    TORCH_CHECK(bytes == want, "shape ", t.sizes(), " of ", t.dtype(), " takes ", want, " bytes, got ", bytes);
    if (want > 0) std::memcpy(t.data_ptr(), data, want);
    put(out, t);
  });
}

char *ct_read_bytes(ct_tensor t, void *dst, int64_t bytes) {
  return guard([&] {
    at::NoGradGuard no_grad;
    auto x = ref(t).detach().to(at::kCPU).contiguous();
    int64_t have = x.numel() * static_cast<int64_t>(x.element_size());
    TORCH_CHECK(bytes == have, "tensor of shape ", x.sizes(), " holds ", have, " bytes, the buffer takes ", bytes);
    if (have > 0) std::memcpy(dst, x.data_ptr(), have);
  });
}

char *ct_write_bytes(ct_tensor t, const void *src, int64_t bytes) {
  return guard([&] {
    at::NoGradGuard no_grad;
    auto &x = ref(t);
    int64_t want = x.numel() * static_cast<int64_t>(x.element_size());
    TORCH_CHECK(bytes == want, "tensor of shape ", x.sizes(), " takes ", want, " bytes, got ", bytes);
    auto host = at::from_blob(const_cast<void *>(src), x.sizes(), at::TensorOptions().dtype(x.scalar_type()));
    x.copy_(host);
  });
}

char *ct_data_pointer(ct_tensor t, void **out) {
  return guard([&] { *out = ref(t).data_ptr(); });
}

char *ct_item(ct_tensor t, double *out) {
  return guard([&] { *out = ref(t).item().toDouble(); });
}

char *ct_equal(ct_tensor a, ct_tensor b, int *out) {
  return guard([&] { *out = at::equal(ref(a), ref(b)); });
}

}  // extern "C"
