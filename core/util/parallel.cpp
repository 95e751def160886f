#include <farro/core/util/parallel.h>

#include <farro/core/error/error.h>
#include <farro/core/scope/scope.h>

#include <omp.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace farro {

namespace {
// Far above any processor count; OpenMP's runtime crashes when it fails to start the threads it was asked for.
constexpr int kMostThreads = 1024;

std::atomic<int> thread_count{0};  // 0: not chosen yet
thread_local bool serial = false;
thread_local int started = 1;  // threads that this thread's pool has been seen to get

// How many threads, the caller counted, can run at once: OpenMP's runtime ends the process where it cannot start one.
// The trial costs some 20 us a thread, once for each thread that has a pool.
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

// The number of threads, at most `count`, that a parallel region may ask for.
int ready_threads(int count) noexcept {
  if (count <= started) [[likely]]
    return count;
  started = std::max(started, startable(count));
  return std::min(count, started);
}
}  // namespace

int num_threads() noexcept {
  if (serial) return 1;
  const int chosen = thread_count.load(std::memory_order_relaxed);
  const int wanted = chosen ? chosen : omp_get_max_threads(), ready = ready_threads(wanted);
  if (ready < wanted) omp_set_num_threads(ready);  // for the libraries that use OpenMP themselves
  return ready;
}

void set_num_threads(int count) {
  FARRO_CHECK(count >= 1 && count <= kMostThreads, ValueError, "set_num_threads: count must be in [1, ", kMostThreads,
              "], got ", count);
  const int ready = ready_threads(count);
  FARRO_CHECK(ready == count, ValueError, "set_num_threads: count must be at most ", ready,
              ", the threads that the system allows now (ulimit -u, -v), got ", count);
  thread_count.store(count, std::memory_order_relaxed);
  omp_set_num_threads(count);  // for the libraries that use OpenMP themselves
}

int64_t detail::parallel_grain_limit = INT64_MAX;
void limit_parallel_grain(int64_t limit) noexcept { detail::parallel_grain_limit = limit; }

SerialGuard::SerialGuard() noexcept : previous_(serial), openmp_threads_(omp_get_max_threads()) {
  serial = true;
  omp_set_num_threads(1);  // of this thread only
}
SerialGuard::~SerialGuard() {
  serial = previous_;
  omp_set_num_threads(openmp_threads_);
}

void detail::parallel_for(int64_t count, int64_t grain, RangeFn fn, void* context) {
  const int64_t wanted = (count + std::max<int64_t>(grain, 1) - 1) / std::max<int64_t>(grain, 1);
  if (wanted <= 1 || omp_in_parallel()) return fn(context, 0, count);
  const int threads = static_cast<int>(std::min<int64_t>(num_threads(), wanted));
  if (threads <= 1) return fn(context, 0, count);
  // Errors name the scope of the caller, and of several the one of the lowest range is thrown, whatever thread is first.
  const ScopeNode* scope = current_scope();
  std::exception_ptr error;
  int64_t error_range = INT64_MAX;
#pragma omp parallel num_threads(threads)
  {
    const ScopeGuard guard(scope);
    const int64_t n = omp_get_num_threads(), i = omp_get_thread_num();
    const int64_t begin = count * i / n, end = count * (i + 1) / n;
    try {
      if (begin < end) fn(context, begin, end);
    } catch (...) {
#pragma omp critical(farro_parallel_error)
      if (i < error_range) {
        error = std::current_exception();
        error_range = i;
      }
    }
  }
  if (error) std::rethrow_exception(error);
}

}  // namespace farro
