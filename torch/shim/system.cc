// SPDX-License-Identifier: MIT
// system.cc - the process around the tensors: devices, threads, random state and memory.
#include <ATen/Parallel.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <dlfcn.h>
#include <malloc.h>
#include <torch/version.h>

#include "guard.h"
#include "header_sum.h"  // made by build.sh

using namespace seer;

namespace {
c10::Device device_of(int32_t type, int32_t index) {
  return c10::Device(static_cast<c10::DeviceType>(type), static_cast<c10::DeviceIndex>(index));
}
}  // namespace

extern "C" {

char *ct_load_cuda(const char *library) {
  if (dlopen(library, RTLD_NOW | RTLD_GLOBAL) != nullptr) return nullptr;
  return message('E', dlerror());
}

int ct_cuda_count(void) {
  try {
    if (!at::hasCUDA()) return 0;
    return c10::impl::VirtualGuardImpl(c10::DeviceType::CUDA).deviceCount();
  } catch (...) {
    return 0;
  }
}

char *ct_synchronize(int32_t type, int32_t index) {
  return guard([&] {
    if (static_cast<c10::DeviceType>(type) == c10::DeviceType::CPU) return;
    c10::impl::VirtualGuardImpl(static_cast<c10::DeviceType>(type))
        .synchronizeDevice(static_cast<c10::DeviceIndex>(index));
  });
}

char *ct_set_cuda_math(int tf32, int deterministic) {
  return guard([&] {
    auto &context = at::globalContext();
    context.setAllowTF32CuDNN(tf32 != 0);
    context.setDeterministicCuDNN(deterministic != 0);
    context.setDeterministicAlgorithms(deterministic != 0, /*warn_only=*/true);
    context.setBenchmarkCuDNN(deterministic == 0);  // its choice depends on timings
  });
}

void ct_set_threads(int n) { at::set_num_threads(n); }

int ct_threads(void) { return at::get_num_threads(); }

const char *ct_version(void) { return TORCH_VERSION; }

uint64_t ct_header_sum(void) { return CT_HEADER_SUM; }

char *ct_manual_seed(uint64_t seed) {
  return guard([&] { at::manual_seed(seed); });
}

char *ct_rng_state(int32_t type, int32_t index, ct_ref *out) {
  return guard([&] {
    auto g = at::globalContext().defaultGenerator(device_of(type, index));
    std::lock_guard<std::mutex> lock(g.mutex());
    put(out, g.get_state());
  });
}

char *ct_set_rng_state(int32_t type, int32_t index, ct_tensor state) {
  return guard([&] {
    auto g = at::globalContext().defaultGenerator(device_of(type, index));
    std::lock_guard<std::mutex> lock(g.mutex());
    g.set_state(ref(state));
  });
}

// A training step asks for the same large blocks again and again. By default glibc maps each one anew and gives it back,
// and the kernel zeroes every page of it; keeping them in one arena turns that into reuse.
void ct_keep_freed_memory(void) {
  mallopt(M_MMAP_MAX, 0);
  mallopt(M_TRIM_THRESHOLD, -1);
  mallopt(M_TOP_PAD, 64 << 20);
  mallopt(M_ARENA_MAX, 1);
}

char *ct_device_memory(int32_t index, int64_t *allocated, int64_t *peak, int64_t *reserved) {
  return guard([&] {
    auto stats = at::getDeviceAllocator(c10::DeviceType::CUDA)->getDeviceStats(static_cast<c10::DeviceIndex>(index));
    const auto &bytes = stats.allocated_bytes[0];
    *allocated = bytes.current;
    *peak = bytes.peak;
    *reserved = stats.reserved_bytes[0].current;
  });
}

}  // extern "C"
