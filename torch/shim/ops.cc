// SPDX-License-Identifier: MIT
// ops.cc - element-wise, reducing and shaping operations, grouped by signature so that the border stays small.
#include "guard.h"

using namespace seer;

extern "C" {

char *ct_unary(int op, ct_tensor t, ct_ref *out) {
  return guard([&] {
    auto &x = ref(t);
    switch (op) {
      case CT_RELU: return put(out, at::relu(x));
      case CT_RELU_: at::relu_(x); return put_self(out);
      case CT_GELU: return put(out, at::gelu(x));
      case CT_SIGMOID_: at::sigmoid_(x); return put_self(out);
      case CT_EXP: return put(out, at::exp(x));
      case CT_EXP_: at::exp_(x); return put_self(out);
      case CT_LOG: return put(out, at::log(x));
      case CT_SQRT: return put(out, at::sqrt(x));
      case CT_RSQRT: return put(out, at::rsqrt(x));
      case CT_NEG: return put(out, at::neg(x));
      case CT_ABS: return put(out, at::abs(x));
      case CT_SQUARE: return put(out, at::square(x));
      case CT_ISFINITE: return put(out, at::isfinite(x));
      case CT_LOGICAL_NOT: return put(out, at::logical_not(x));
      case CT_DETACH: return put(out, x.detach());
      case CT_CLONE: return put(out, x.clone());
      case CT_CONTIGUOUS: return put(out, x.contiguous());
      case CT_MAX: return put(out, x.max());
      case CT_MIN: return put(out, x.min());
      case CT_ANY: return put(out, x.any());
      case CT_ALL: return put(out, x.all());
      case CT_ZERO_: x.zero_(); return put_self(out);
    }
    TORCH_CHECK(false, "unknown unary code ", op);
  });
}

char *ct_binary(int op, ct_tensor ta, ct_tensor tb, ct_ref *out) {
  return guard([&] {
    auto &a = ref(ta);
    auto &b = ref(tb);
    switch (op) {
      case CT_ADD: return put(out, at::add(a, b));
      case CT_ADD_: a.add_(b); return put_self(out);
      case CT_SUB_: a.sub_(b); return put_self(out);
      case CT_MUL: return put(out, at::mul(a, b));
      case CT_MUL_: a.mul_(b); return put_self(out);
      case CT_DIV: return put(out, at::div(a, b));
      case CT_DIV_: a.div_(b); return put_self(out);
      case CT_MAXIMUM: return put(out, at::maximum(a, b));
      case CT_NE: return put(out, at::ne(a, b));
      case CT_GT: return put(out, at::gt(a, b));
      case CT_AND: return put(out, at::logical_and(a, b));
      case CT_COPY_: a.copy_(b); return put_self(out);
    }
    TORCH_CHECK(false, "unknown binary code ", op);
  });
}

char *ct_scalar(int op, ct_tensor t, double s, ct_ref *out) {
  return guard([&] {
    auto &x = ref(t);
    switch (op) {
      case CT_ADD: return put(out, at::add(x, s));
      case CT_ADD_: x.add_(s); return put_self(out);
      case CT_MUL: return put(out, at::mul(x, s));
      case CT_MUL_: x.mul_(s); return put_self(out);
      case CT_DIV: return put(out, at::div(x, s));
      case CT_DIV_: x.div_(s); return put_self(out);
      case CT_MAXIMUM: return put(out, at::clamp_min(x, s));
      case CT_NE: return put(out, at::ne(x, s));
      case CT_GT: return put(out, at::gt(x, s));
      case CT_COPY_: x.fill_(s); return put_self(out);
    }
    TORCH_CHECK(false, "unknown scalar code ", op);
  });
}

char *ct_reduce(int op, ct_tensor t, const int64_t *dims, int n, int keepdim, ct_ref *out) {
  return guard([&] {
    auto &x = ref(t);
    at::IntArrayRef d(dims, n);
    bool keep = keepdim != 0;
    switch (op) {
      case CT_RSUM: return put(out, x.sum(d, keep));
      case CT_RMEAN: return put(out, x.mean(d, keep));
      case CT_RAMAX: return put(out, at::amax(x, d, keep));
      case CT_RNORM: return put(out, at::linalg_vector_norm(x, 2, d, keep));
      case CT_RSTD: return put(out, at::std(x, d, true, keep));
    }
    TORCH_CHECK(false, "unknown reduction code ", op);
  });
}

char *ct_along(int op, ct_tensor t, int64_t dim, ct_ref *out) {
  return guard([&] {
    auto &x = ref(t);
    switch (op) {
      case CT_SOFTMAX: return put(out, at::softmax(x, dim));
      case CT_UNSQUEEZE: return put(out, x.unsqueeze(dim));
      case CT_SQUEEZE: return put(out, x.squeeze(dim));
    }
    TORCH_CHECK(false, "unknown code of an operation along one dimension ", op);
  });
}

char *ct_shape(int op, ct_tensor t, const int64_t *v, int n, ct_ref *out) {
  return guard([&] {
    auto &x = ref(t);
    at::IntArrayRef ints(v, n);
    switch (op) {
      case CT_RESHAPE: return put(out, x.reshape(ints));
      case CT_EXPAND: return put(out, x.expand(ints));
      case CT_NARROW: return put(out, x.narrow(v[0], v[1], v[2]));
      case CT_FLIP: return put(out, x.flip(ints));
    }
    TORCH_CHECK(false, "unknown shaping code ", op);
  });
}

char *ct_cat(ct_tensor *ts, int n, int64_t dim, ct_ref *out) {
  return guard([&] { put(out, at::cat(list(ts, n), dim)); });
}

char *ct_gather(ct_tensor x, int64_t dim, ct_tensor index, ct_ref *out) {
  return guard([&] { put(out, at::gather(ref(x), dim, ref(index))); });
}

char *ct_scatter_add_(ct_tensor x, int64_t dim, ct_tensor index, ct_tensor src, ct_ref *out) {
  return guard([&] {
    ref(x).scatter_add_(dim, ref(index), ref(src));
    put_self(out);
  });
}

char *ct_where(ct_tensor cond, ct_tensor a, ct_tensor b, ct_ref *out) {
  return guard([&] { put(out, at::where(ref(cond), ref(a), ref(b))); });
}

char *ct_bincount(ct_tensor x, int64_t minlength, ct_ref *out) {
  return guard([&] { put(out, at::bincount(ref(x), {}, minlength)); });
}

char *ct_svdvals(ct_tensor x, ct_ref *out) {
  return guard([&] { put(out, at::linalg_svdvals(ref(x))); });
}

char *ct_to(ct_tensor t, ct_to_options o, ct_ref *out) {
  return guard([&] {
    auto &x = ref(t);
    auto opt = x.options();
    if (o.dtype >= 0) opt = opt.dtype(static_cast<at::ScalarType>(o.dtype));
    if (o.device_type >= 0)
      opt = opt.device(c10::Device(static_cast<c10::DeviceType>(o.device_type),
                                   static_cast<c10::DeviceIndex>(o.device_index)));
    std::optional<at::MemoryFormat> format;
    if (o.memory_format == 0) format = at::MemoryFormat::Contiguous;
    if (o.memory_format == 1) format = at::MemoryFormat::ChannelsLast;
    put(out, x.to(opt, o.non_blocking != 0, false, format));
  });
}

char *ct_set_channels_last_(ct_tensor t, int on) {
  return guard([&] {
    at::NoGradGuard no_grad;
    auto &x = ref(t);
    TORCH_CHECK(x.dim() == 4, "only 4-d tensors have a channels-last layout, got ", x.sizes());
    x.set_data(x.detach().contiguous(on ? at::MemoryFormat::ChannelsLast : at::MemoryFormat::Contiguous));
  });
}

}  // extern "C"
