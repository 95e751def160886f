// SPDX-License-Identifier: Apache-2.0
// The threads behind parallel_for. The caller offers a loop to free workers, works itself, takes back what nobody began
// and waits for the rest. Made for short loops on machines that are shared: workers spin only while that pays, and one
// whose processor is busy elsewhere is left out for a while.
#include <farro/core/parallel/worker_pool.h>

#include <farro/core/error/error.h>
#include <farro/core/scope/scope.h>

#include <linux/futex.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <climits>
#include <exception>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>

namespace farro::worker_pool {

namespace {

// Nanoseconds. A thread that ran nothing for kGap was taken off its processor; interrupts are shorter.
constexpr int64_t kGap = 100'000;
// Waiting for the next loop by spinning saves the 5 us that waking costs the caller and the 50 us until a sleeping
// worker begins.
constexpr int64_t kLeastSpin = 5'000, kMostSpin = 1'000'000;
// For a worker's last range; then sleep, so that the system may move the worker to this processor.
constexpr int64_t kJoinSpin = 100'000;
// How long a worker that held a loop up is left out; doubled while that goes on. A time slice is about 3 ms.
constexpr int64_t kLeastBench = 10'000'000, kMostBench = 640'000'000;

constexpr int kMaxWorkers = 1023;
constexpr int kMaxLanes = 64;
// Ranges of a lane: more cost time, fewer leave more to wait for at the end.
constexpr int64_t kPieces = 8;

int64_t now() noexcept {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

void pause() noexcept {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("isb");
#endif
}

void sleep_while(std::atomic<uint32_t>& word, uint32_t value) noexcept {
  syscall(SYS_futex, reinterpret_cast<uint32_t*>(&word), FUTEX_WAIT_PRIVATE, value, nullptr, nullptr, 0);
}
void wake(std::atomic<uint32_t>& word) noexcept {
  syscall(SYS_futex, reinterpret_cast<uint32_t*>(&word), FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0);
}

enum class Spin { done, timed_out, interrupted };

// Until done(), for at most `budget`, or until the thread finds that it was off its processor.
template <class Done>
Spin spin(int64_t budget, Done done) noexcept {
  const int64_t start = now();
  for (int64_t last = start;;) {
    // Reading the clock costs more than a pause, so 16 of these go between.
    for (int i = 0; i < 16; ++i) {
      if (done()) return Spin::done;
      pause();
    }
    const int64_t time = now();
    if (time - last > kGap) return Spin::interrupted;
    if (time - start > budget) return Spin::timed_out;
    last = time;
  }
}

// One loop. Each thread begins with a lane of its own, which is the same part of the range in every loop, so that it
// finds in its cache what it wrote; then it helps in the others.
struct Job {
  Job(RangeFn function, void* argument, int64_t size) : fn(function), context(argument), count(size) {}

  RangeFn fn;
  void* context;
  int64_t count;
  int lanes = 1;
  int64_t pieces = 1;
  const ScopeNode* scope = current_scope();
  std::mutex error_mutex;
  std::exception_ptr error;
  int64_t error_range = INT64_MAX;
  // A cache line of its own: threads count up different lanes at once.
  struct alignas(64) Lane {
    std::atomic<int64_t> next{0};
  };
  std::array<Lane, kMaxLanes> at;

  // How many ranges were run.
  int64_t work(int first) {
    const int64_t ranges = lanes * pieces;
    int64_t run = 0;
    for (int i = 0; i < lanes; ++i) {
      const int lane = (first + i) % lanes;
      while (at[size_t(lane)].next.load(std::memory_order_relaxed) < pieces) {
        const int64_t piece = at[size_t(lane)].next.fetch_add(1, std::memory_order_relaxed);
        if (piece >= pieces) break;
        // Equal ranges, the first `rest` of them one longer.
        const int64_t range = lane * pieces + piece, size = count / ranges, rest = count % ranges;
        const int64_t begin = size * range + std::min(range, rest), end = begin + size + (range < rest);
        try {
          if (begin < end) fn(context, begin, end);
        } catch (...) {
          const std::lock_guard lock(error_mutex);
          // The error of the first range that failed, so that it is the same one in every run.
          if (range < error_range) {
            error = std::current_exception();
            error_range = range;
          }
        }
        ++run;
      }
    }
    return run;
  }
};

// What a worker is at: the low bits of its word; above them stands how many jobs it has finished, so that a caller sees
// the end of its own job even where the worker has begun another since. free <-> asleep by the worker; both -> taken ->
// offered by a caller; offered -> working by the worker, or -> free by the caller that changed its mind; working ->
// awaited by a caller that sleeps; the last two -> free by the worker.
enum State : uint32_t { kFree, kAsleep, kTaken, kOffered, kWorking, kAwaited, kStates = 8 };

struct alignas(64) Worker {
  std::atomic<uint32_t> word{kFree};
  std::atomic<int64_t> benched_until{0};
  std::atomic<int64_t> bench{kLeastBench};
  Job* job = nullptr;  // these two belong to whoever made the state kTaken
  int lane = 0;

  uint32_t state() const noexcept { return word.load(std::memory_order_relaxed) % kStates; }
  // From one state to another; false where it was in a third.
  bool change(State from, State to) noexcept {
    uint32_t before = word.load(std::memory_order_relaxed);
    return before % kStates == from &&
           word.compare_exchange_strong(before, before - from + to, std::memory_order_acq_rel,
                                        std::memory_order_relaxed);
  }
};

struct Pool {
  std::mutex growing;
  std::atomic<int> size{0};
  std::array<std::atomic<Worker*>, kMaxWorkers> workers{};
  Pool* parent = nullptr;  // of the process that forked this one: its threads are not here
};
std::atomic<Pool*> pool{nullptr};

thread_local bool in_range = false;

void serve(Worker& me) {
  in_range = true;
  int64_t budget = kMostSpin;
  for (;;) {
    const Spin result = spin(budget, [&] { return me.state() == kOffered; });
    if (result != Spin::done) {
      if (result == Spin::interrupted) budget = kLeastSpin;
      me.change(kFree, kAsleep);
      for (uint32_t word; (word = me.word.load(std::memory_order_relaxed)) % kStates == kAsleep;)
        sleep_while(me.word, word);
    }
    if (!me.change(kOffered, kWorking)) continue;
    budget = std::min(2 * budget, kMostSpin);
    {
      const ScopeGuard guard(me.job->scope);
      me.job->work(me.lane);
    }
    const uint32_t count = me.word.load(std::memory_order_relaxed) / kStates;
    const uint32_t before = me.word.exchange((count + 1) * kStates + kFree, std::memory_order_acq_rel);
    if (before % kStates == kAwaited) wake(me.word);
  }
}

// A forked child has the calling thread alone: it begins with a pool of its own, whatever the old one was at.
void start_over() {
  if (Pool* old = pool.load()) {
    Pool* fresh = new Pool;
    fresh->parent = old;
    pool.store(fresh);
  }
}

// The pool, with `wanted` workers or as many as the system gives.
Pool& pool_with(int wanted) {
  static const bool once [[maybe_unused]] = [] {
    pool.store(new Pool);
    pthread_atfork(nullptr, nullptr, &start_over);
    return true;
  }();
  Pool& it = *pool.load(std::memory_order_acquire);
  if (it.size.load(std::memory_order_acquire) >= wanted) return it;
  const std::lock_guard lock(it.growing);
  for (int i = it.size.load(); i < wanted; ++i) {
    auto worker = std::make_unique<Worker>();
    try {
      // Detached: a worker lives as long as the process, and nothing waits for it at the end.
      std::thread([&me = *worker] { serve(me); }).detach();
    } catch (const std::system_error&) {
      break;
    }
    it.workers[size_t(i)].store(worker.release());
    it.size.store(i + 1, std::memory_order_release);
  }
  return it;
}

// A worker that a caller took, and the number of the caller's job.
struct Taken {
  Worker* worker;
  uint32_t job;
  bool asleep;

  // The worker's word in a state of this job.
  uint32_t word(State state) const noexcept { return job * kStates + state; }
};

// Around the ranges of a loop: loops within it run on this thread.
struct InRange {
  InRange() noexcept { in_range = true; }
  ~InRange() { in_range = false; }
};

int take(Pool& from, int wanted, Taken* taken) {
  const int size = std::min(from.size.load(std::memory_order_acquire), wanted);
  const int64_t time = now();
  int count = 0;
  for (int i = 0; i < size; ++i) {
    Worker& worker = *from.workers[size_t(i)].load(std::memory_order_relaxed);
    if (time < worker.benched_until.load(std::memory_order_relaxed)) continue;
    const bool asleep = worker.state() == kAsleep;
    if (!worker.change(asleep ? kAsleep : kFree, kTaken)) continue;
    taken[count++] = {&worker, worker.word.load(std::memory_order_relaxed) / kStates, asleep};
  }
  return count;
}

// Leaves a worker out for a while: its processor has other work.
void bench(Worker& worker) {
  const int64_t time = now(), last = worker.benched_until.load(std::memory_order_relaxed);
  const int64_t before = worker.bench.load(std::memory_order_relaxed);
  const int64_t length = time - last < 4 * before ? std::min(2 * before, kMostBench) : kLeastBench;
  worker.bench.store(length, std::memory_order_relaxed);
  worker.benched_until.store(time + length, std::memory_order_relaxed);
}

// Takes the offer back, or waits until the worker is done, from the time `alone` on. Before that the caller worked for
// `busy`, and for `range` on each of its ranges.
void join(const Pool& from, const Taken& taken, int64_t alone, int64_t busy, int64_t range) {
  Worker& worker = *taken.worker;
  // This caller's own offer, by the number of the job: the worker may be done with it and hold another caller's, which
  // would wait for ever if it were taken back here.
  uint32_t word = taken.word(kOffered);
  if (worker.word.compare_exchange_strong(word, taken.word(kFree), std::memory_order_acq_rel,
                                          std::memory_order_relaxed)) {
    if (busy > 4 * kGap) bench(worker);  // it had the time to begin
    return;
  }
  const auto done = [&] { return worker.word.load(std::memory_order_acquire) / kStates != taken.job; };
  if (spin(kJoinSpin, done) == Spin::done) return;
  FARRO_CHECK(pool.load() == &from, BackendError, "parallel_for: the process must not be forked inside a range");
  word = taken.word(kWorking);
  worker.word.compare_exchange_strong(word, taken.word(kAwaited), std::memory_order_acq_rel);
  while (!done()) sleep_while(worker.word, taken.word(kAwaited));
  if (now() - alone > 2 * range + 4 * kGap) bench(worker);
}

}  // namespace

bool inside() noexcept { return in_range; }

void run(int threads, int64_t count, int64_t grain, RangeFn fn, void* context) {
  const int64_t wanted = (count + grain - 1) / grain;
  threads = static_cast<int>(std::min<int64_t>({threads, wanted, kMaxWorkers + 1}));
  // A loop within a loop runs on its own thread: the workers are taken already.
  if (threads <= 1 || in_range) return fn(context, 0, count);
  Pool& from = pool_with(threads - 1);
  Taken taken[kMaxWorkers];
  const int workers = take(from, threads - 1, taken);
  if (workers == 0) {
    const InRange loop;  // all have other work; it is a loop all the same
    return fn(context, 0, count);
  }

  Job job(fn, context, count);
  job.lanes = std::min(workers + 1, kMaxLanes);
  job.pieces = std::clamp<int64_t>(wanted / job.lanes, 1, kPieces);
  for (int i = 0; i < workers; ++i) {
    taken[i].worker->job = &job;
    taken[i].worker->lane = (i + 1) % job.lanes;
    taken[i].worker->change(kTaken, kOffered);
    if (taken[i].asleep) wake(taken[i].worker->word);
  }
  const int64_t began = now();
  const int64_t ranges = [&] {
    const InRange loop;
    return job.work(0);
  }();
  const int64_t alone = now(), busy = alone - began;
  for (int i = 0; i < workers; ++i) join(from, taken[i], alone, busy, busy / std::max<int64_t>(ranges, 1));
  if (job.error) std::rethrow_exception(job.error);
}

}  // namespace farro::worker_pool
