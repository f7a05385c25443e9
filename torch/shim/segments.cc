// SPDX-License-Identifier: MIT
// segments.cc - a backward pass in segments. A graph ends at a cut, which keeps the gradient that arrives there; another
// backward pass goes on from it. Both sides hand the gradient over as the engine itself would inside one graph: summed in
// the same order, in the layout in which it was computed, and freed by its first reader. That is what makes the bits and
// the memory of a pass in segments those of a pass in one.
#include <torch/csrc/autograd/custom_function.h>
#include <torch/csrc/autograd/engine.h>
#include <torch/csrc/autograd/functions/utils.h>

#include "guard.h"

using namespace seer;
using torch::autograd::Edge;
using torch::autograd::Node;
using torch::autograd::variable_list;

namespace {

// Cut is where a graph begins: what a leaf's AccumulateGrad is, but without its copy into the leaf's layout.
struct Cut : Node {
  at::Tensor gradient;
  variable_list apply(variable_list &&arriving) override {
    gradient = std::move(arriving[0]);
    return {};
  }
};

// Seed is where a backward pass begins: it gives the gradients away, so that each is freed when it has been used.
struct Seed : Node {
  variable_list gradients;
  variable_list apply(variable_list &&) override { return std::move(gradients); }
};

}  // namespace

extern "C" {

char *ct_cut(ct_tensor x, ct_ref *out) {
  return guard([&] {
    auto node = std::make_shared<Cut>();
    node->add_input_metadata(ref(x));
    auto y = ref(x).detach();
    torch::autograd::impl::set_gradient_edge(y, {std::move(node), 0});
    put(out, std::move(y));
  });
}

char *ct_take_cut_gradient(ct_tensor x, ct_ref *out) {
  return guard([&] {
    auto *cut = dynamic_cast<Cut *>(ref(x).grad_fn().get());
    TORCH_CHECK(cut != nullptr, "the tensor does not begin a segment");
    out->ptr = nullptr;
    if (cut->gradient.defined()) put(out, std::move(cut->gradient));
  });
}

char *ct_backward_from(ct_tensor *ts, ct_tensor *grads, int n) {
  return guard([&] {
    auto seed = std::make_shared<Seed>();
    auto start = at::zeros({}, ref(grads[0]).options());
    seed->add_input_metadata(start);
    for (int i = 0; i < n; i++) {
      seed->add_next_edge(torch::autograd::impl::gradient_edge(ref(ts[i])));
      ref(ts[i]) = at::Tensor();
      seed->gradients.push_back(std::exchange(ref(grads[i]), at::Tensor()));
    }
    torch::autograd::Engine::get_default_engine().execute({Edge(seed, 0)}, {start}, false, false, true, {});
  });
}

}  // extern "C"
