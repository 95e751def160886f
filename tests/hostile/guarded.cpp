// SPDX-License-Identifier: Apache-2.0
// Memory between inaccessible pages, so that an access beside a tensor is a fault.
#include "guarded.h"

#include <sys/mman.h>

#include <cstdint>
#include <cstdlib>
#include <mutex>
#include <vector>

namespace farro::hostile {

namespace {

constexpr size_t kPage = 4096, kBlock = 16 * kPage, kStep = kBlock + kPage, kBlocks = 256;

struct Arena {
  char* base;
  std::vector<size_t> unused;
  std::mutex mutex;

  Arena() {
    const size_t bytes = kBlocks * kStep + kPage;
    void* map = mmap(nullptr, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (map == MAP_FAILED) std::abort();
    base = static_cast<char*>(map);
    for (size_t i = 0; i < kBlocks; ++i) {
      if (mprotect(base + kPage + i * kStep, kBlock, PROT_READ | PROT_WRITE)) std::abort();
      unused.push_back(i);
    }
  }
};
Arena& arena() {
  static Arena* instance = new Arena;
  return *instance;
}

}  // namespace

void* guarded_allocate(size_t bytes, bool guard_behind) {
  Arena& a = arena();
  if (bytes > kBlock) return nullptr;
  const std::lock_guard lock(a.mutex);
  if (a.unused.empty()) return nullptr;
  char* block = a.base + kPage + a.unused.back() * kStep;
  a.unused.pop_back();
  // Nothing at all still lies inside its block, so that it can be found again.
  return guard_behind ? block + kBlock - (bytes ? bytes : 8) : block;
}

void guarded_free(void* data) noexcept {
  Arena& a = arena();
  const std::lock_guard lock(a.mutex);
  a.unused.push_back(static_cast<size_t>(static_cast<char*>(data) - a.base - kPage) / kStep);
}

}  // namespace farro::hostile
