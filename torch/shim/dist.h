// SPDX-License-Identifier: MIT
// dist.h - what the units of many processes share.
#pragma once

#define USE_C10D_GLOO  // libtorch was built with it
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>

#include <chrono>

#include "ct.h"

namespace seer {

// A group of processes with a rank each. Its members call its collectives in the same order. Tensors on the CPU travel by
// Gloo, those on a GPU by NCCL, which is opened with the first of them.
struct Group {
  c10::intrusive_ptr<c10d::Store> store;  // under the group's own prefix
  c10::intrusive_ptr<c10d::Backend> host, device;
  int rank, size;
  double seconds;  // that collectives wait
  // What collectives have been given so far, and how long this process has waited in them (for those on a GPU the device
  // waits). One thread calls them, and
  // backward passes on the CPU run on the thread that asks for them.
  ct_traffic traffic{};

  // finish waits for a collective.
  void finish(c10d::Work &work) {
    auto begun = std::chrono::steady_clock::now();
    work.wait();
    traffic.waited += std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
  }

  c10d::Backend &on(const at::Tensor &x);

  // Both wait until all members have taken part.
  void sum_(at::Tensor x);
  at::Tensor gather(const at::Tensor &x);  // [size, ...]
};

inline Group &group(ct_group g) { return *static_cast<Group *>(g); }

}  // namespace seer
