// SPDX-License-Identifier: Apache-2.0
// How many threads loops run on, and parallel_for on top of the worker pool.
#include <farro/core/parallel/parallel.h>

#include <farro/core/error/error.h>
#include <farro/core/parallel/worker_pool.h>

#include <omp.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

namespace farro {

namespace {
constexpr int kMostThreads = 1024;  // far above any processor count

std::atomic<int> thread_count{0};  // 0: not chosen yet
thread_local bool serial = false;

// How many threads, the caller counted, can run at once. The trial costs some 20 us a thread.
int startable(int count) noexcept {
  struct Gate {
    std::mutex mutex;
    std::condition_variable opened;
    bool open = false;
  } gate;
  int running = 1;
  try {
    std::vector<std::thread> threads;
    threads.reserve(static_cast<size_t>(count));
    try {
      for (; running < count; ++running)
        threads.emplace_back([&gate] {
          std::unique_lock lock(gate.mutex);
          gate.opened.wait(lock, [&gate] { return gate.open; });
        });
    } catch (...) {  // std::system_error, or no memory for a thread's record: running says how far it went
    }
    {
      const std::lock_guard lock(gate.mutex);
      gate.open = true;
    }
    gate.opened.notify_all();
    for (std::thread& thread : threads) thread.join();
  } catch (...) {  // no memory for the list
  }
  return running;
}

}  // namespace

int num_threads() noexcept {
  // Within a range of a loop there is one thread: inner loops run on it.
  if (serial || worker_pool::inside()) return 1;
  if (const int chosen = thread_count.load(std::memory_order_relaxed)) return chosen;
  // OpenMP's number respects OMP_NUM_THREADS and the process's CPU mask.
  static const int at_start = std::clamp(omp_get_max_threads(), 1, kMostThreads);
  return at_start;
}

void set_num_threads(int count) {
  FARRO_CHECK(count >= 1 && count <= kMostThreads, ValueError, "set_num_threads: count must be in [1, ", kMostThreads,
              "], got ", count);
  // Tried now, where the error can name the number, and not in the first loop that misses a thread.
  const int ready = startable(count);
  FARRO_CHECK(ready == count, ValueError, "set_num_threads: count must be at most ", ready,
              ", the threads that the system allows now (ulimit -u, -v), got ", count);
  thread_count.store(count, std::memory_order_relaxed);
}

int64_t detail::parallel_grain_limit = INT64_MAX;
void limit_parallel_grain(int64_t limit) noexcept { detail::parallel_grain_limit = limit; }

SerialGuard::SerialGuard() noexcept : previous_(serial) { serial = true; }
SerialGuard::~SerialGuard() { serial = previous_; }

void detail::parallel_for(int64_t count, int64_t grain, RangeFn fn, void* context) {
  worker_pool::run(num_threads(), count, std::max<int64_t>(grain, 1), fn, context);
}

}  // namespace farro
