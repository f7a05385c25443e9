// SPDX-License-Identifier: MIT
// nccl.cc - c10d's NCCL backend behind one function. Its symbols come from libtorch_cuda, which is loaded before.
#define USE_C10D_NCCL  // libtorch_cuda was built with it
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>

#include "nccl.h"

extern "C" __attribute__((visibility("default"))) seer_nccl_open_t seer_nccl_open;

void seer_nccl_open(const c10::intrusive_ptr<c10d::Store> &store, int rank, int size, double seconds,
                    c10::intrusive_ptr<c10d::Backend> &out) {
  auto options = c10d::ProcessGroupNCCL::Options::create();
  options->timeout = std::chrono::milliseconds(static_cast<int64_t>(seconds * 1000));
  out = c10::make_intrusive<c10d::ProcessGroupNCCL>(store, rank, size, options);
}
