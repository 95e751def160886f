// SPDX-License-Identifier: Apache-2.0
// Runs one block of a kernel at a time: its threads as fibers, its warps and barriers by a schedule. A GPU leaves much
// undefined; here it is an error: a barrier that threads reach in different places, lanes that miss a collective of
// their mask, a value taken from a lane that takes no part, a write beside shared memory.
// Invariant: while a block runs, BlockRunner::current() is set on the OS thread that runs it, and on no other.
#pragma once

#include <farro/core/api.h>
#include <farro/core/simt_host/control.h>
#include <farro/core/simt_host/cuda_runtime.h>
#include <farro/core/simt_host/fiber.h>
#include <farro/core/simt_host/place.h>
#include <farro/core/simt_host/random.h>
#include <farro/core/simt_host/shared_memory.h>

#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <vector>

namespace farro::simt_host {

inline constexpr int kWarpSize = 32;
inline constexpr unsigned kMaxBlockThreads = 1024;

// A launched kernel: its shape, and the call that runs it as the thread threadIdx names.
struct FARRO_API KernelCall {
  const char* name = "";  // of the op, for errors
  dim3 grid;
  dim3 block;
  size_t shared_bytes = 0;  // dynamic
  bool barriers = false;    // false: no barrier and no warp operation, so threads run as a plain loop
  std::function<void()> body;
};

enum class WarpOp : uint8_t { sync, shuffle, ballot };

// A warp operation as one lane asks for it.
struct WarpRequest {
  WarpOp op = WarpOp::sync;
  uint32_t mask = 0;
  int source = 0;      // shuffle: the lane whose value is wanted
  uint64_t value = 0;  // shuffle: the bits offered; ballot: 0 or 1
  const char* name = "";
  Place where;
};

class FARRO_API BlockRunner {
 public:
  void run_grid(const KernelCall& call, const Schedule& schedule, uint64_t seed, Counters& counters);

  // The rest is called from device code.
  static BlockRunner& current(const char* what, Place where);  // throws where no kernel runs
  void barrier(Place where);
  uint64_t warp_operation(const WarpRequest& request);
  SharedMemory& shared() noexcept { return shared_; }

 private:
  enum class State : uint8_t { ready, at_barrier, at_warp_op, exited };
  struct Lane {
    Fiber fiber;
    State state = State::ready;
    uint3 index;
    Place barrier_place;
    WarpRequest request;
    uint64_t result = 0;
  };

  void run_block(dim3 index);
  void run_plain();
  void run_fibers();
  bool run_warp(unsigned warp);
  bool run_ready_lanes(unsigned warp);
  bool resolve_warp_operations(unsigned first, unsigned count);
  void complete(unsigned first, uint32_t members);
  void run_lane(unsigned index);
  bool release_barrier();
  [[noreturn]] void report_deadlock() const;
  std::string describe_wait(unsigned index) const;
  dim3 thread_index(unsigned index) const noexcept;
  static void lane_main(void* runner);

  const KernelCall* call_ = nullptr;
  Schedule schedule_;
  Random random_;
  Counters* counters_ = nullptr;
  SharedMemory shared_;
  std::vector<std::unique_ptr<Lane>> lanes_;  // kept from block to block; stacks are reused
  std::vector<unsigned> order_;
  unsigned threads_ = 0;
  unsigned exited_ = 0;
  unsigned running_ = 0;  // index of the lane that runs
  std::exception_ptr error_;
};

}  // namespace farro::simt_host

// The built-in variables of device code. initial-exec: one instruction instead of a call per use.
extern FARRO_API thread_local constinit uint3 threadIdx __attribute__((tls_model("initial-exec")));
extern FARRO_API thread_local constinit uint3 blockIdx __attribute__((tls_model("initial-exec")));
extern FARRO_API thread_local constinit dim3 blockDim __attribute__((tls_model("initial-exec")));
extern FARRO_API thread_local constinit dim3 gridDim __attribute__((tls_model("initial-exec")));
