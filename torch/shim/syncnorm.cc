// SPDX-License-Identifier: MIT
// syncnorm.cc - batch norm over the batches of all members of a group (PyTorch's SyncBatchNorm, which has kernels for CUDA
// only), from the kernels of ordinary batch norm, which are fast on every device:
//  - Forward: mean and variance of each member are gathered and merged (Chan et al.); the output is that of batch norm
//    which uses given statistics.
//  - Backward: batch norm with given statistics yields dy*w/std and the sums of dy and of dy*(x-mean)/std, of which the
//    first two moments over all members are taken away:
//      dx = w/std * (dy - sum(dy)/N - (x-mean)/std * sum(dy*(x-mean)/std)/N)
//    The gradients of weight and bias are those of the member's own batch: they are averaged with all others.
#include <torch/csrc/autograd/custom_function.h>

#include "dist.h"
#include "guard.h"

using namespace seer;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

namespace {

struct Statistics {
  at::Tensor mean, var;  // float32 [C]; var divides by N
  at::Tensor count;      // N, a scalar that stays on the device: reading it would wait for all that is under way there
};

// The merge is exact to float64: the sums of large batches cancel.
Statistics merged(Group &g, const at::Tensor &x) {
  auto channels = x.size(1);
  auto f32 = x.options().dtype(at::kFloat).memory_format(at::MemoryFormat::Contiguous);
  // Given float32 statistics, which it moves by nothing, it computes in float32 for any type of x.
  auto [mean, var] = at::batch_norm_update_stats(x, at::zeros({channels}, f32), at::ones({channels}, f32), 0.0);
  auto count = at::full(at::IntArrayRef{1}, static_cast<double>(x.numel() / channels), f32);
  auto all = g.gather(at::cat({mean, var, count})).to(at::kDouble);
  auto means = all.narrow(1, 0, channels), vars = all.narrow(1, channels, channels), counts = all.narrow(1, 2 * channels, 1);
  auto total = counts.sum();
  auto m = (means * counts).sum(0) / total;
  auto v = ((vars + (means - m).square()) * counts).sum(0) / total;
  return {m.to(at::kFloat), v.to(at::kFloat), total.to(at::kFloat)};
}

void follow(const std::optional<at::Tensor> &running, const at::Tensor &now, double momentum) {
  if (running) running->mul_(1 - momentum).add_(now, momentum);
}

at::Tensor normalise(const at::Tensor &x, const at::Tensor &w, const at::Tensor &b, const at::Tensor &mean,
                     const at::Tensor &var, double eps) {
  return std::get<0>(at::native_batch_norm(x, w, b, mean, var, false, 0.0, eps));
}

struct SyncBatchNorm : torch::autograd::Function<SyncBatchNorm> {
  static at::Tensor forward(AutogradContext *ctx, const at::Tensor &x, const at::Tensor &w, const at::Tensor &b,
                            const std::optional<at::Tensor> &running_mean,
                            const std::optional<at::Tensor> &running_var, double momentum, double eps,
                            int64_t group_address) {
    auto s = merged(*reinterpret_cast<Group *>(group_address), x);
    follow(running_mean, s.mean, momentum);
    follow(running_var, s.var * (s.count / (s.count - 1).clamp_min(1)), momentum);
    ctx->save_for_backward({x, w, s.mean, s.var, s.count});
    ctx->saved_data["group"] = group_address;
    ctx->saved_data["eps"] = eps;
    return normalise(x, w, b, s.mean, s.var, eps);
  }

  static variable_list backward(AutogradContext *ctx, variable_list grads) {
    auto saved = ctx->get_saved_variables();
    auto &x = saved[0], &w = saved[1], &mean = saved[2], &var = saved[3], &count = saved[4];
    auto &g = *reinterpret_cast<Group *>(ctx->saved_data["group"].toInt());
    auto eps = ctx->saved_data["eps"].toDouble();
    auto [dx, dw, db] = at::native_batch_norm_backward(grads[0], x, w, mean, var, {}, {}, false, eps, {true, true, true});
    auto sums = at::stack({dw, db});
    g.sum_(sums);
    auto scale = w.detach() * (var + eps).rsqrt() / count;
    dx.sub_(normalise(x, sums[0] * scale, sums[1] * scale, mean, var, eps));
    return {dx, dw, db, {}, {}, {}, {}, {}};
  }
};

}  // namespace

extern "C" char *ct_sync_batch_norm(ct_group g, ct_tensor x, ct_tensor w, ct_tensor b, ct_tensor mean, ct_tensor var,
                                    double momentum, double eps, ct_ref *out) {
  return guard([&] {
    put(out, SyncBatchNorm::apply(ref(x), ref(w), ref(b), optional(mean), optional(var), momentum, eps,
                                  reinterpret_cast<int64_t>(g)));
  });
}
