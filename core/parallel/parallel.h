// SPDX-License-Identifier: Apache-2.0
// The one way to use several CPU threads. The library has a pool of its own (worker_pool.h): OpenMP's threads spin
// where they wait, which beside other busy processes makes a step several times slower, and do not survive a fork.
#pragma once

#include <farro/core/api.h>

#include <cstdint>
#include <type_traits>

namespace farro {

// Threads that parallel_for may use here: 1 inside it. The number of processors (or OMP_NUM_THREADS) at start.
FARRO_API int num_threads() noexcept;
// ValueError unless 1 <= count <= 1024 and so many threads can start; a number not set here is lowered where they
// cannot.
FARRO_API void set_num_threads(int count);

// Caps the grain of every parallel_for: 1 makes even tiny loops split, so that tests see that results do not depend on
// it.
FARRO_API void limit_parallel_grain(int64_t limit) noexcept;

// While it lives, parallel_for uses the calling thread alone: for threads that work beside the main computation.
class FARRO_API SerialGuard {
 public:
  SerialGuard() noexcept;
  ~SerialGuard();
  SerialGuard(const SerialGuard&) = delete;
  SerialGuard& operator=(const SerialGuard&) = delete;

 private:
  bool previous_;
};

namespace detail {
extern FARRO_API int64_t parallel_grain_limit;  // INT64_MAX but in tests
using RangeFn = void (*)(void* context, int64_t begin, int64_t end);
FARRO_API void parallel_for(int64_t count, int64_t grain, RangeFn fn, void* context);
}  // namespace detail

// Calls fn(begin, end) on disjoint ranges that cover [0, count), on several threads where count exceeds `grain`. Which
// ranges there are and who takes them depends on the threads that have time, so results must not depend on the split.
// An exception of fn is thrown here. Inside another parallel_for it runs on the calling thread.
template <class Fn>
void parallel_for(int64_t count, int64_t grain, Fn&& fn) {
  if (grain > detail::parallel_grain_limit) [[unlikely]]
    grain = detail::parallel_grain_limit;
  if (count <= grain) {
    if (count > 0) fn(int64_t{0}, count);
    return;
  }
  using Callable = std::remove_reference_t<Fn>;
  detail::parallel_for(
      count, grain, [](void* context, int64_t begin, int64_t end) { (*static_cast<Callable*>(context))(begin, end); },
      const_cast<void*>(static_cast<const void*>(&fn)));
}

}  // namespace farro
