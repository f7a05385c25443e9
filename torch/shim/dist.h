// SPDX-License-Identifier: MIT
// dist.h - what the units of many processes share.
#pragma once

#define USE_C10D_GLOO  // libtorch was built with it
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>

#include "ct.h"

namespace seer {

// A group of processes with a rank each. Its members call its collectives in the same order.
struct Group {
  c10::intrusive_ptr<c10d::Backend> backend;
  int rank, size;

  // Both wait until all members have taken part.
  void sum_(at::Tensor x) const;
  at::Tensor gather(const at::Tensor &x) const;  // [size, ...]
};

inline Group &group(ct_group g) { return *static_cast<Group *>(g); }

}  // namespace seer
