// SPDX-License-Identifier: MIT
// kept.cc - products whose result is known already: the gradient is that of the convolution or the linear layer, and
// nothing is multiplied in the forward pass. Recomputation uses them where it has kept the products and nothing else.
#include <ATen/autocast_mode.h>
#include <torch/csrc/autograd/custom_function.h>

#include "guard.h"

using namespace seer;
using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

namespace {

// cast is what autocast does to the arguments of a product.
at::Tensor cast(const at::Tensor &t) {
  auto device = t.device().type();
  if (!at::autocast::is_autocast_enabled(device)) return t;
  return at::autocast::cached_cast(at::autocast::get_autocast_dtype(device), t, device);
}

std::optional<at::Tensor> cast_optional(ct_tensor t) {
  return t == nullptr ? std::optional<at::Tensor>() : cast(ref(t));
}

// result is the kept tensor as a new output of a function: the same memory, without history.
at::Tensor result(int64_t kept) { return reinterpret_cast<const at::Tensor *>(kept)->variable_data(); }

// biased says whether a bias wants its gradient; without a bias there is no third input to ask for.
bool biased(AutogradContext *ctx) { return ctx->saved_data["bias"].toBool() && ctx->needs_input_grad(2); }

struct KeptConvolution : Function<KeptConvolution> {
  static at::Tensor forward(AutogradContext *ctx, const at::Tensor &x, const at::Tensor &w,
                            const std::optional<at::Tensor> &b, int64_t kept, int64_t stride, int64_t padding,
                            int64_t groups) {
    ctx->save_for_backward({x, w});
    ctx->saved_data["bias"] = b.has_value();
    ctx->saved_data["stride"] = stride;
    ctx->saved_data["padding"] = padding;
    ctx->saved_data["groups"] = groups;
    return result(kept);
  }

  static variable_list backward(AutogradContext *ctx, const variable_list &arriving) {
    auto saved = ctx->get_saved_variables();
    auto stride = ctx->saved_data["stride"].toInt(), padding = ctx->saved_data["padding"].toInt();
    auto sizes = saved[1].sizes().slice(0, 1);  // of the bias
    bool bias = biased(ctx);
    auto [gx, gw, gb] = at::convolution_backward(
        arriving[0], saved[0], saved[1], bias ? at::OptionalIntArrayRef(sizes) : std::nullopt,
        at::IntArrayRef{stride, stride}, at::IntArrayRef{padding, padding}, at::IntArrayRef{1, 1}, false,
        at::IntArrayRef{0, 0}, ctx->saved_data["groups"].toInt(),
        {ctx->needs_input_grad(0), ctx->needs_input_grad(1), bias});
    return {gx, gw, gb, {}, {}, {}, {}};
  }
};

struct KeptLinear : Function<KeptLinear> {
  static at::Tensor forward(AutogradContext *ctx, const at::Tensor &x, const at::Tensor &w,
                            const std::optional<at::Tensor> &b, int64_t kept) {
    ctx->save_for_backward({x, w});
    ctx->saved_data["bias"] = b.has_value();
    return result(kept);
  }

  static variable_list backward(AutogradContext *ctx, const variable_list &arriving) {
    auto saved = ctx->get_saved_variables();
    const auto &x = saved[0], &w = saved[1];
    auto g = arriving[0].reshape({-1, w.size(0)});
    variable_list out(4);
    if (ctx->needs_input_grad(0)) out[0] = g.mm(w).view(x.sizes());
    if (ctx->needs_input_grad(1)) out[1] = g.t().mm(x.reshape({-1, w.size(1)}));
    if (biased(ctx)) out[2] = g.sum(0);
    return out;
  }
};

}  // namespace

extern "C" {

char *ct_conv2d_kept(ct_tensor kept, ct_tensor x, ct_tensor w, ct_tensor b, int64_t stride, int64_t padding,
                     int64_t groups, ct_ref *out) {
  return guard([&] {
    put(out, KeptConvolution::apply(cast(ref(x)), cast(ref(w)), cast_optional(b),
                                    reinterpret_cast<int64_t>(&ref(kept)), stride, padding, groups));
  });
}

char *ct_linear_kept(ct_tensor kept, ct_tensor x, ct_tensor w, ct_tensor b, ct_ref *out) {
  return guard([&] {
    put(out, KeptLinear::apply(cast(ref(x)), cast(ref(w)), cast_optional(b), reinterpret_cast<int64_t>(&ref(kept))));
  });
}

}  // extern "C"
