// SPDX-License-Identifier: Apache-2.0
// Runs a kernel's blocks on the CPU. A GPU thread is a fiber that runs until it waits, at a barrier or in a warp
// operation; this file decides who runs next, completes what everybody has arrived at, and reports what a GPU would
// leave undefined: a barrier that is not everybody's, a lane outside its mask, a wait without end.
#include <farro/core/simt_host/block.h>
#include <farro/core/simt_host/failure.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <numeric>
#include <utility>

thread_local constinit uint3 threadIdx{};
thread_local constinit uint3 blockIdx{};
thread_local constinit dim3 blockDim{};
thread_local constinit dim3 gridDim{};

namespace farro::simt_host {

namespace {
[[gnu::tls_model("initial-exec")]] thread_local constinit BlockRunner* current_runner = nullptr;

std::string triple(unsigned x, unsigned y, unsigned z) { return str('(', x, ",", y, ",", z, ')'); }

std::string hex(uint32_t mask) {
  constexpr char digits[] = "0123456789abcdef";
  std::string text = "0x";
  for (int shift = 28; shift >= 0; shift -= 4) text += digits[(mask >> shift) & 15];
  return text;
}

constexpr uint32_t lane_bit(unsigned lane) { return uint32_t{1} << lane; }

struct RunnerScope {
  explicit RunnerScope(BlockRunner* runner) { current_runner = runner; }
  ~RunnerScope() { current_runner = nullptr; }
};
}  // namespace

std::string to_string(const Place& place) {
  const char* slash = std::strrchr(place.file, '/');
  return str(slash ? slash + 1 : place.file, ":", place.line);
}

BlockRunner& BlockRunner::current(const char* what, Place where) {
  if (!current_runner) raise(cudaErrorLaunchFailure, what, " must be called from a kernel, got a host call at ", where);
  return *current_runner;
}

dim3 BlockRunner::thread_index(unsigned i) const noexcept {
  const dim3& b = call_->block;
  // Most blocks have one dimension: no divisions for these.
  if (b.y == 1 && b.z == 1) return {i, 0, 0};
  return {i % b.x, i / b.x % b.y, i / (b.x * b.y)};
}

void BlockRunner::run_grid(const KernelCall& call, const Schedule& schedule, uint64_t seed, Counters& counters) {
  call_ = &call;
  schedule_ = schedule;
  random_ = Random(seed);
  counters_ = &counters;
  threads_ = call.block.x * call.block.y * call.block.z;
  blockDim = call.block;
  gridDim = call.grid;
  const RunnerScope scope(this);
  ++counters.launches;

  const uint64_t blocks = uint64_t{call.grid.x} * call.grid.y * call.grid.z;
  // An affine walk visits every block once in a scrambled order, however many there are.
  uint64_t step = 1, at = 0;
  if (schedule.order == Order::adversarial) {
    at = random_.next() % blocks;
    do step = random_.next() % blocks + 1;
    while (std::gcd(step, blocks) != 1);
  }
  for (uint64_t i = 0; i < blocks; ++i, at = (at + step) % blocks) {
    const uint64_t row = at / call.grid.x;
    run_block({static_cast<unsigned>(at % call.grid.x), static_cast<unsigned>(row % call.grid.y),
               static_cast<unsigned>(row / call.grid.y)});
  }
}

void BlockRunner::run_block(dim3 index) {
  blockIdx = {index.x, index.y, index.z};
  ++counters_->blocks;
  exited_ = 0;
  error_ = nullptr;
  try {
    shared_.begin_block(call_->shared_bytes);
    order_.resize(threads_);
    // Without barriers no thread ever waits, so each runs to its end on the scheduler's stack.
    if (call_->barriers)
      run_fibers();
    else
      run_plain();
    shared_.check();
    shared_.end_block();
  } catch (const std::exception& e) {
    shared_.end_block();
    const dim3 t = thread_index(running_);
    raise(cudaErrorLaunchFailure, call_->name, ": ", e.what(), " in block ", triple(index.x, index.y, index.z),
          ", last thread ", triple(t.x, t.y, t.z), ", of a grid of ",
          triple(call_->grid.x, call_->grid.y, call_->grid.z), " blocks of ",
          triple(call_->block.x, call_->block.y, call_->block.z), ", schedule ", schedule_);
  }
}

void BlockRunner::run_plain() {
  std::iota(order_.begin(), order_.end(), 0u);
  if (schedule_.order == Order::adversarial) random_.shuffle(std::span(order_));
  for (const unsigned i : order_) {
    running_ = i;
    const dim3 t = thread_index(i);
    threadIdx = {t.x, t.y, t.z};
    call_->body();
  }
}

void BlockRunner::run_fibers() {
  // Lanes and their stacks are kept for the next block.
  while (lanes_.size() < threads_) lanes_.push_back(std::make_unique<Lane>());
  for (unsigned i = 0; i < threads_; ++i) {
    const dim3 t = thread_index(i);
    lanes_[i]->index = {t.x, t.y, t.z};
    lanes_[i]->state = State::ready;
    lanes_[i]->fiber.start(&BlockRunner::lane_main, this);
  }
  const unsigned warps = (threads_ + kWarpSize - 1) / kWarpSize;
  std::vector<unsigned> warp_order(warps);
  std::iota(warp_order.begin(), warp_order.end(), 0u);
  // A new order of warps in every round: in a fixed one the same warp would be ahead at each barrier.
  bool reorder = schedule_.order == Order::adversarial;
  while (exited_ < threads_) {
    if (reorder) random_.shuffle(std::span(warp_order));
    bool progress = false;
    for (const unsigned warp : warp_order) progress |= run_warp(warp);
    progress |= release_barrier();
    if (!progress && exited_ < threads_) report_deadlock();
  }
}

// inorder: every ready lane once, to its next waiting point. adversarial: as far as the warp can go.
bool BlockRunner::run_warp(unsigned warp) {
  const unsigned first = warp * kWarpSize;
  const unsigned count = std::min<unsigned>(kWarpSize, threads_ - first);
  bool progress = false;
  for (;;) {
    bool step = run_ready_lanes(warp);
    step |= resolve_warp_operations(first, count);
    progress |= step;
    if (!step || schedule_.order == Order::inorder) return progress;
  }
}

bool BlockRunner::run_ready_lanes(unsigned warp) {
  const unsigned first = warp * kWarpSize;
  const unsigned count = std::min<unsigned>(kWarpSize, threads_ - first);
  const std::span<unsigned> order(order_.data() + first, count);
  std::iota(order.begin(), order.end(), first);
  if (schedule_.order == Order::adversarial) random_.shuffle(order);
  bool ran = false;
  for (const unsigned i : order) {
    if (lanes_[i]->state != State::ready) continue;
    run_lane(i);
    ran = true;
  }
  return ran;
}

void BlockRunner::run_lane(unsigned i) {
  Lane& lane = *lanes_[i];
  running_ = i;
  threadIdx = lane.index;
  ++counters_->switches;
  lane.fiber.resume();
  // On the scheduler's stack, where it can unwind.
  if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
}

// Runs on the fiber. An exception cannot unwind into the scheduler's stack, so it is carried over.
void BlockRunner::lane_main(void* argument) {
  BlockRunner& self = *static_cast<BlockRunner*>(argument);
  Lane& lane = *self.lanes_[self.running_];
  try {
    self.call_->body();
  } catch (...) {
    self.error_ = std::current_exception();
  }
  lane.state = State::exited;
  ++self.exited_;
  lane.fiber.suspend();
}

void BlockRunner::barrier(Place where) {
  if (!call_->barriers)
    raise(cudaErrorLaunchFailure, "kernel must be launched with barriers = true, got __syncthreads at ", where);
  Lane& lane = *lanes_[running_];
  lane.state = State::at_barrier;
  lane.barrier_place = where;
  lane.fiber.suspend();
}

// Opens the barrier once every thread that has not exited waits at it.
bool BlockRunner::release_barrier() {
  const Lane* first = nullptr;
  for (unsigned i = 0; i < threads_; ++i) {
    const Lane& lane = *lanes_[i];
    // As on a GPU, threads that have returned do not hold a barrier up.
    if (lane.state == State::exited) continue;
    if (lane.state != State::at_barrier) return false;
    if (!first) first = &lane;
    if (lane.barrier_place != first->barrier_place)
      raise(cudaErrorLaunchFailure, "all threads of a block must reach the same __syncthreads, got ",
            first->barrier_place, " and ", lane.barrier_place);
  }
  if (!first) return false;
  shared_.check();
  for (unsigned i = 0; i < threads_; ++i)
    if (lanes_[i]->state == State::at_barrier) lanes_[i]->state = State::ready;
  return true;
}

uint64_t BlockRunner::warp_operation(const WarpRequest& request) {
  if (!call_->barriers)
    raise(cudaErrorLaunchFailure, "kernel must be launched with barriers = true, got ", request.name, " at ",
          request.where);
  const unsigned self = running_ % kWarpSize;
  if (!(request.mask & lane_bit(self)))
    raise(cudaErrorLaunchFailure, request.name, ": mask must name the calling lane ", self, ", got ", hex(request.mask),
          " at ", request.where);
  Lane& lane = *lanes_[running_];
  lane.request = request;
  lane.state = State::at_warp_op;
  lane.fiber.suspend();
  return lane.result;
}

// Completes every operation whose lanes have all arrived. Lanes of the mask that have exited do not count.
bool BlockRunner::resolve_warp_operations(unsigned first, unsigned count) {
  uint32_t live = 0, waiting = 0;
  for (unsigned i = 0; i < count; ++i) {
    const State state = lanes_[first + i]->state;
    if (state != State::exited) live |= lane_bit(i);
    if (state == State::at_warp_op) waiting |= lane_bit(i);
  }
  bool any = false;
  while (waiting) {
    const unsigned leader = static_cast<unsigned>(std::countr_zero(waiting));
    const uint32_t mask = lanes_[first + leader]->request.mask;
    // An operation is identified by its mask: lanes with another mask wait for an operation of their own.
    uint32_t arrived = 0;  // with the leader's mask
    for (uint32_t rest = waiting & mask; rest; rest &= rest - 1) {
      const unsigned i = static_cast<unsigned>(std::countr_zero(rest));
      if (lanes_[first + i]->request.mask == mask) arrived |= lane_bit(i);
    }
    if (arrived == (mask & live)) {
      complete(first, arrived);
      any = true;
    }
    // Lanes of other masks are looked at next, each group once.
    waiting &= ~arrived;
  }
  return any;
}

void BlockRunner::complete(unsigned first, uint32_t members) {
  const WarpRequest& leader = lanes_[first + static_cast<unsigned>(std::countr_zero(members))]->request;
  uint32_t votes = 0;
  for (uint32_t rest = members; rest; rest &= rest - 1) {
    const unsigned i = static_cast<unsigned>(std::countr_zero(rest));
    const WarpRequest& request = lanes_[first + i]->request;
    // __syncwarp may be met from different branches; an exchange of values may not.
    if (request.op != leader.op || (request.op != WarpOp::sync && request.where != leader.where))
      raise(cudaErrorLaunchFailure, "lanes of one mask must meet at the same warp operation, got ", leader.name, " at ",
            leader.where, " and ", request.name, " at ", request.where);
    if (request.op == WarpOp::ballot && request.value) votes |= lane_bit(i);
    if (request.op == WarpOp::shuffle && !(members & lane_bit(static_cast<unsigned>(request.source))))
      raise(cudaErrorLaunchFailure, request.name, ": source lane must take part, got lane ", request.source,
            " where lanes ", hex(members), " do, at ", request.where);
  }
  for (uint32_t rest = members; rest; rest &= rest - 1) {
    Lane& lane = *lanes_[first + static_cast<unsigned>(std::countr_zero(rest))];
    const WarpRequest& request = lane.request;
    // Offered values stay in the requests, which no lane changes before all have their results.
    if (request.op == WarpOp::shuffle)
      lane.result = lanes_[first + static_cast<unsigned>(request.source)]->request.value;
    if (request.op == WarpOp::ballot) lane.result = votes;
    lane.state = State::ready;
  }
}

std::string BlockRunner::describe_wait(unsigned i) const {
  const Lane& lane = *lanes_[i];
  const dim3 t = thread_index(i);
  const std::string thread = str("thread ", triple(t.x, t.y, t.z), " waits at ");
  if (lane.state == State::at_barrier) return str(thread, "__syncthreads ", lane.barrier_place);
  return str(thread, lane.request.name, " ", lane.request.where, " with mask ", hex(lane.request.mask));
}

void BlockRunner::report_deadlock() const {
  // Two threads whose waits differ tell most; otherwise one that waits and what it misses.
  const auto differs = [](const Lane& a, const Lane& b) {
    return a.state != b.state ||
           (a.state == State::at_barrier ? a.barrier_place != b.barrier_place
                                         : a.request.where != b.request.where || a.request.mask != b.request.mask);
  };
  unsigned first = threads_, second = threads_;
  for (unsigned i = 0; i < threads_ && second == threads_; ++i) {
    if (lanes_[i]->state == State::exited) continue;
    if (first == threads_)
      first = i;
    else if (differs(*lanes_[first], *lanes_[i]))
      second = i;
  }
  raise(cudaErrorLaunchFailure,
        "threads of a block must not wait for each other forever, got a deadlock: ", describe_wait(first),
        second < threads_ ? str(" while ", describe_wait(second)) : std::string(), " (", exited_, " of ", threads_,
        " threads have exited)");
}

}  // namespace farro::simt_host
