// SPDX-License-Identifier: Apache-2.0
// The block runner: barriers, warp operations, shared memory. Most kernels here are wrong on purpose.
#include "simt_test.h"

#include <farro/kernels/simt/atomic.h>
#include <farro/kernels/simt/launch.h>
#include <farro/kernels/simt/shared.h>
#include <farro/kernels/simt/vec.h>
#include <farro/kernels/simt/warp.h>

#include <cmath>
#include <stdexcept>

namespace farro::simt_test {
namespace {

using simt::kFullMask;

// Launches the kernel with one int* output of `outputs` elements and waits, under one schedule; returns the outputs.
std::vector<int> run_one(void (*kernel)(int*), dim3 grid, dim3 block, size_t outputs, size_t shared_bytes = 0,
                         bool barriers = true) {
  DeviceArray<int> out(std::vector<int>(outputs, 0));
  simt::launch(kernel, {"test_kernel", grid, block, shared_bytes, barriers}, stream(), out.data());
  return out.to_host();
}

// The error of the kernel under every schedule; all must fail and contain `part`.
void expect_fails(void (*kernel)(int*), unsigned threads, const std::string& part, bool barriers = true) {
  for (const auto& schedule : schedules()) {
    SCOPED_TRACE(to_string(schedule));
    const simt_host::ScheduleGuard guard(schedule);
    const std::string text = error_of([&] { run_one(kernel, 2, threads, threads, 64, barriers); });
    expect_contains(text, part);
    expect_contains(text, "test_kernel: ");
    expect_contains(text, to_string(schedule));
  }
}

void expect_results(void (*kernel)(int*), dim3 grid, dim3 block, const std::vector<int>& expected) {
  for (const auto& schedule : schedules()) {
    SCOPED_TRACE(to_string(schedule));
    const simt_host::ScheduleGuard guard(schedule);
    EXPECT_EQ(run_one(kernel, grid, block, expected.size()), expected);
  }
}

__global__ void write_indices(int* out) {
  const unsigned block = blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);
  const unsigned thread = threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z);
  const unsigned i = block * blockDim.x * blockDim.y * blockDim.z + thread;
  out[i] = static_cast<int>(i);
}

TEST(BlockRunner, EveryThreadOfEveryBlockRunsOnce) {
  std::vector<int> expected(2 * 3 * 2 * 4 * 5 * 3);
  for (size_t i = 0; i < expected.size(); ++i) expected[i] = static_cast<int>(i);
  expect_results(write_indices, dim3(2, 3, 2), dim3(4, 5, 3), expected);
}

__global__ void rotate(int* out) {
  SMEM(int, values, 96);
  values[threadIdx.x] = static_cast<int>(threadIdx.x);
  __syncthreads();
  out[threadIdx.x] = values[(threadIdx.x + 33) % 96];
}

TEST(BlockRunner, BarrierOrdersSharedMemory) {
  std::vector<int> expected(96);
  for (int i = 0; i < 96; ++i) expected[static_cast<size_t>(i)] = (i + 33) % 96;
  expect_results(rotate, 1, 96, expected);
}

__global__ void barrier_after_exit(int* out) {
  SMEM(int, values, 64);
  if (threadIdx.x >= 48) return;
  values[threadIdx.x] = 1;
  __syncthreads();
  out[threadIdx.x] = values[(threadIdx.x + 1) % 48];
}

TEST(BlockRunner, BarrierDoesNotWaitForThreadsThatHaveExited) {
  std::vector<int> expected(64, 1);
  std::fill(expected.begin() + 48, expected.end(), 0);
  expect_results(barrier_after_exit, 1, 64, expected);
}

__global__ void divergent_barrier(int*) {
  if (threadIdx.x % 2 == 0)
    __syncthreads();
  else
    __syncthreads();
}

TEST(BlockRunner, DivergentBarrierIsAnError) {
  expect_fails(divergent_barrier, 64, "all threads of a block must reach the same __syncthreads, got block_test.cu:");
}

__global__ void deadlock(int* out) {
  if (threadIdx.x == 0)
    __syncthreads();
  else
    out[threadIdx.x] = __shfl_xor_sync(kFullMask, 1, 1);
}

TEST(BlockRunner, DeadlockNamesBothWaitingPlaces) {
  expect_fails(deadlock, 32, "deadlock: thread (0,0,0) waits at __syncthreads block_test.cu:");
  expect_fails(deadlock, 32, "while thread (1,0,0) waits at __shfl_xor_sync block_test.cu:");
}

__global__ void throwing(int* out) {
  __syncthreads();
  if (threadIdx.x == 37) throw std::runtime_error("index out of range");
  __syncthreads();
  out[threadIdx.x] = 1;
}

TEST(BlockRunner, ExceptionLeavesTheKernelAndTheRuntimeGoesOn) {
  expect_fails(throwing, 64, "index out of range");
  expect_fails(throwing, 64, "last thread (37,0,0)");
  expect_results(rotate, 1, 96, run_one(rotate, 1, 96, 96));
}

__global__ void plain_throwing(int*) {
  if (threadIdx.x == 3) throw std::runtime_error("bad value");
}

TEST(BlockRunner, ExceptionLeavesABarrierFreeKernel) { expect_fails(plain_throwing, 64, "bad value", false); }

TEST(BlockRunner, BarrierInAKernelDeclaredFreeOfThemIsAnError) {
  expect_fails(rotate, 96, "kernel must be launched with barriers = true, got __syncthreads at block_test.cu:", false);
}

// ---- warp operations

__global__ void shuffles(int* out) {
  const int lane = static_cast<int>(threadIdx.x % 32);
  int* mine = out + threadIdx.x * 6;
  mine[0] = __shfl_sync(kFullMask, lane, 5);
  mine[1] = __shfl_xor_sync(kFullMask, lane, 3);
  mine[2] = __shfl_down_sync(kFullMask, lane, 8);
  mine[3] = __shfl_up_sync(kFullMask, lane, 1, 16);
  mine[4] = static_cast<int>(__ballot_sync(kFullMask, lane % 2));
  mine[5] = __any_sync(kFullMask, lane == 31) * 2 + __all_sync(kFullMask, lane < 31);
}

TEST(WarpOperations, MeanWhatCudaSays) {
  std::vector<int> expected;
  for (int thread = 0; thread < 64; ++thread) {
    const int lane = thread % 32;
    const int down = lane + 8 < 32 ? lane + 8 : lane;
    const int up = lane % 16 == 0 ? lane : lane - 1;
    expected.insert(expected.end(), {5, lane ^ 3, down, up, static_cast<int>(0xaaaaaaaau), 2});
  }
  expect_results(shuffles, 1, 64, expected);
}

__global__ void shuffle_in_halves(int* out) {
  const int lane = static_cast<int>(threadIdx.x);
  const unsigned mask = lane < 16 ? 0x0000ffffu : 0xffff0000u;
  int value = lane;
  if (lane < 16)
    for (int offset = 8; offset > 0; offset /= 2) value += __shfl_xor_sync(mask, value, offset);
  else
    value = __shfl_sync(mask, value, 16);
  __syncwarp();
  out[lane] = value;
}

TEST(WarpOperations, PartsOfAWarpMeetBySeparateMasks) {
  std::vector<int> expected(32, 16);
  std::fill(expected.begin(), expected.begin() + 16, 120);
  expect_results(shuffle_in_halves, 1, 32, expected);
}

__global__ void full_mask_in_a_branch(int* out) {
  if (threadIdx.x < 16) out[threadIdx.x] = __shfl_xor_sync(kFullMask, 1, 1);
  __syncthreads();
}

TEST(WarpOperations, FullMaskInADivergentBranchIsADeadlock) {
  expect_fails(full_mask_in_a_branch, 32, "with mask 0xffffffff while thread (16,0,0) waits at __syncthreads");
}

__global__ void not_in_mask(int* out) { out[threadIdx.x] = __shfl_xor_sync(0x0000ffffu, 1, 1); }

TEST(WarpOperations, MaskMustNameTheCaller) {
  expect_fails(not_in_mask, 32, "__shfl_xor_sync: mask must name the calling lane ");
}

__global__ void source_outside_mask(int* out) {
  if (threadIdx.x < 16) out[threadIdx.x] = __shfl_sync(0x0000ffffu, 1, 20);
}

TEST(WarpOperations, SourceMustTakePart) {
  expect_fails(source_outside_mask, 32, "__shfl_sync: source lane must take part, got lane 20");
}

__global__ void source_out_of_range(int* out) { out[threadIdx.x] = __shfl_sync(kFullMask, 1, 32); }

TEST(WarpOperations, LaneMustLieInTheWarp) {
  expect_fails(source_out_of_range, 32, "__shfl_sync: lane must lie in [0, 32), got 32 at block_test.cu:");
}

__global__ void exited_source(int* out) {
  if (threadIdx.x == 7) return;
  out[threadIdx.x] = __shfl_sync(kFullMask, 1, 7);
}

TEST(WarpOperations, SourceMustNotHaveExited) {
  expect_fails(exited_source, 32, "source lane must take part, got lane 7 where lanes 0xffffff7f do");
}

__global__ void different_operations(int* out) {
  if (threadIdx.x < 16)
    out[threadIdx.x] = __shfl_xor_sync(kFullMask, 1, 1);
  else
    out[threadIdx.x] = __any_sync(kFullMask, 1);
}

TEST(WarpOperations, LanesMustMeetAtTheSameOperation) {
  expect_fails(different_operations, 32, "lanes of one mask must meet at the same warp operation");
}

// ---- shared memory. In an ASan build ASan would see these writes first, and stop the program.

[[gnu::no_sanitize_address]] __global__ void write_past_array(int*) {
  SMEM(int, first, 32);
  SMEM(int, second, 32);
  volatile int* p = first;
  p[threadIdx.x + 1] = 1;
  second[threadIdx.x] = 2;
}

TEST(SharedMemory, WritePastAnArrayIsAnError) {
  expect_fails(write_past_array, 32,
               "kernel must stay inside its shared memory, got a write 0 bytes past the end of array 'first' "
               "(128 bytes, block_test.cu:");
}

[[gnu::no_sanitize_address]] __global__ void write_before_array(int*) {
  SMEM(int, values, 32);
  volatile int* p = values;
  p[static_cast<int>(threadIdx.x) - 1] = 1;
}

TEST(SharedMemory, WriteBeforeAnArrayIsAnError) { expect_fails(write_before_array, 32, "got a write "); }

[[gnu::no_sanitize_address]] __global__ void write_past_dynamic(int*) {
  DYN_SMEM(int, values);
  volatile int* p = values;
  p[threadIdx.x] = 1;
}

TEST(SharedMemory, WritePastDynamicMemoryIsAnError) {
  expect_fails(write_past_dynamic, 32, "past the end of dynamic shared memory (64 bytes)");
}

__global__ void read_uninitialised(int* out) {
  SMEM(float, values, 32);
  if (threadIdx.x != 9) values[threadIdx.x] = 0.5f;
  __syncthreads();
  const float value = values[threadIdx.x];
  out[threadIdx.x] = value != value;
}

TEST(SharedMemory, StartsAsNaN) {
  std::vector<int> expected(32, 0);
  expected[9] = 1;
  expect_results(read_uninitialised, 1, 32, expected);
}

__global__ void too_much_static(int* out) {
  SMEM(double, values, 7000);
  values[threadIdx.x] = 1;
  out[threadIdx.x] = static_cast<int>(values[threadIdx.x]);
}

TEST(SharedMemory, StaticArraysHaveALimit) {
  expect_fails(too_much_static, 32, "SMEM arrays of a block must fit in 49152 bytes, got 56000 with values");
}

// ---- launch

TEST(Launch, ConfigurationIsChecked) {
  expect_contains(error_of([] { run_one(write_indices, 1, 1025, 1); }), "block must have 1 to 1024 threads, got 1025");
  expect_contains(error_of([] { run_one(write_indices, 1, 32, 1, 300 << 10); }),
                  "dynamic shared memory must be at most");
  EXPECT_EQ(run_one(write_indices, 0, 32, 1), std::vector<int>{0}) << "an empty grid launches nothing";
}

TEST(Launch, GridsHaveALimit) {
  EXPECT_EQ(simt::blocks_for(0, 256), 0u);
  EXPECT_EQ(simt::blocks_for(257, 256), 2u);
  EXPECT_EQ(simt::blocks_for(int64_t{INT32_MAX} * 256, 256), static_cast<unsigned>(INT32_MAX));
  EXPECT_EQ(error_of<ValueError>([] { simt::blocks_for(int64_t{INT32_MAX} * 256 + 1, 256); }),
            "launch: a grid must have at most 2147483647 blocks, got 2147483648");
}

__global__ void count_threads(int* out) { simt::atomic_add(out, 1); }

TEST(Launch, AtomicAddsMeet) { expect_results(count_threads, 3, 64, {192}); }

TEST(Launch, DeviceCodeOutsideAKernelIsAnError) {
  expect_contains(error_of<std::exception>([] { __syncthreads(); }), "must be called from a kernel");
}

__global__ void misaligned_vector(int* out) { simt::store_vec(out + 1, simt::Vec<int>{{1, 2, 3, 4}}); }

TEST(Launch, MisalignedVectorAccessIsAnError) {
  expect_fails(misaligned_vector, 32, "vector access must be aligned to 16 bytes");
}

}  // namespace
}  // namespace farro::simt_test
