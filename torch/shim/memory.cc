// SPDX-License-Identifier: MIT
// memory.cc - an account of what tensors take. libtorch tells its profiler of each block that comes and goes on the
// thread that asks; here only the sum is kept, and its largest value.
#include <c10/core/Allocator.h>
#include <c10/util/ThreadLocalDebugInfo.h>

#include "guard.h"

using namespace seer;

namespace {

struct Account : c10::MemoryReportingInfoBase {
  int64_t now = 0, peak = 0;
  void reportMemoryUsage(void *, int64_t size, size_t, size_t, c10::Device) override {
    now += size;
    peak = std::max(peak, now);
  }
  bool memoryProfilingEnabled() const override { return true; }
};

}  // namespace

extern "C" {

void ct_account_open(void) {
  c10::ThreadLocalDebugInfo::_push(c10::DebugInfoKind::PROFILER_STATE, std::make_shared<Account>());
}

void ct_account_close(int64_t *kept, int64_t *peak) {
  auto account = std::static_pointer_cast<Account>(c10::ThreadLocalDebugInfo::_pop(c10::DebugInfoKind::PROFILER_STATE));
  *kept = account->now;
  *peak = account->peak;
}

}  // extern "C"
