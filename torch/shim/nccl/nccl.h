// SPDX-License-Identifier: MIT
// nccl.h - the one function of libseernccl.so, which stands beside libseertorch.so and is opened when a group first has a
// tensor on a GPU: the shim itself is then the same for machines with and without CUDA.
#pragma once

#include <torch/csrc/distributed/c10d/Backend.hpp>
#include <torch/csrc/distributed/c10d/Store.hpp>

// Opens c10d's NCCL backend for one member of a group. Throws what c10d throws.
using seer_nccl_open_t = void(const c10::intrusive_ptr<c10d::Store> &store, int rank, int size, double seconds,
                              c10::intrusive_ptr<c10d::Backend> &out);
