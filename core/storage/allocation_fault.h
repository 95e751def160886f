// SPDX-License-Identifier: Apache-2.0
// For tests: memory that runs out at a chosen moment. Costs nothing where it is not used.
#pragma once

#include <farro/core/api.h>

#include <cstdint>

namespace farro {

// While it lives, allocation number `at` of the calling thread (the first is 0) throws OutOfMemoryError, as if the
// system had no memory; all others succeed. It sees tensor records, graph nodes and storages, small and large. One at a
// time.
class FARRO_API AllocationFault {
 public:
  explicit AllocationFault(int64_t at);
  ~AllocationFault();
  AllocationFault(const AllocationFault&) = delete;
  AllocationFault& operator=(const AllocationFault&) = delete;

  int64_t seen() const noexcept { return seen_; }  // allocations so far
  // Counts one of the thread's; whether it must fail.
  bool strikes() noexcept { return seen_++ == at_; }

 private:
  const int64_t at_;
  int64_t seen_ = 0;
};

namespace detail {
extern FARRO_API constinit thread_local AllocationFault* allocation_fault [[gnu::tls_model("initial-exec")]];
}

}  // namespace farro
