// SPDX-License-Identifier: Apache-2.0
// A block reduction with and without its barriers: what each schedule can and cannot see.
#include "simt_test.h"

#include <farro/kernels/simt/launch.h>
#include <farro/kernels/simt/warp.h>

#include <cstring>

namespace farro::simt_test {
namespace {

using simt::Add;

// Sum and sum of squares of each row by one block; the second reduction reuses the scratch of the first.
__global__ void row_moments(const float* x, float* out, int n) {
  SMEM(float, scratch, 32);
  const float* row = x + static_cast<int64_t>(blockIdx.x) * n;
  float sum = 0, squares = 0;
  for (int i = static_cast<int>(threadIdx.x); i < n; i += static_cast<int>(blockDim.x)) {
    sum += row[i];
    squares += row[i] * row[i];
  }
  sum = simt::block_reduce(sum, 0.0f, Add(), scratch);
  squares = simt::block_reduce(squares, 0.0f, Add(), scratch);
  if (threadIdx.x == 0) {
    out[2 * blockIdx.x] = sum;
    out[2 * blockIdx.x + 1] = squares;
  }
}

// block_reduce with its first barrier (the write is read too early) or its second one (the scratch is reused too early)
// deleted.
template <bool first, bool second>
__device__ float broken_block_sum(float value, float* scratch) {
  const unsigned lane = threadIdx.x % simt::kWarpSize;
  value = simt::warp_reduce(value, Add());
  if (lane == 0) scratch[threadIdx.x / simt::kWarpSize] = value;
  if (first) __syncthreads();
  value = lane < blockDim.x / simt::kWarpSize ? scratch[lane] : 0;
  value = simt::warp_reduce(value, Add());
  if (second) __syncthreads();
  return value;
}

template <bool first, bool second>
__global__ void broken_row_moments(const float* x, float* out, int n) {
  SMEM(float, scratch, 32);
  const float value = x[static_cast<int64_t>(blockIdx.x) * n + threadIdx.x];
  const float sum = broken_block_sum<first, second>(value, scratch);
  const float squares = broken_block_sum<first, second>(value * value, scratch);
  if (threadIdx.x == 0) {
    out[2 * blockIdx.x] = sum;
    out[2 * blockIdx.x + 1] = squares;
  }
}

constexpr int kRows = 3;
constexpr int kColumns = 256;

std::vector<float> run(void (*kernel)(const float*, float*, int), const simt_host::Schedule& schedule) {
  const simt_host::ScheduleGuard guard(schedule);
  std::vector<float> values(kRows * kColumns);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i % 7) + 0.25f;
  const DeviceArray<float> x(values), out(size_t{2} * kRows);
  simt::launch(kernel, {"row_moments", kRows, kColumns, 0, true}, stream(), x.data(), out.data(), kColumns);
  return out.to_host();
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

int wrong_seeds(void (*kernel)(const float*, float*, int), const std::vector<float>& right) {
  int wrong = 0;
  for (uint64_t seed = 1; seed <= 8; ++seed)
    wrong += !same_bits(run(kernel, {simt_host::Order::adversarial, seed}), right);
  return wrong;
}

TEST(Reduction, IsRightAndBitwiseEqualOverSeeds) {
  const std::vector<float> inorder = run(row_moments, {});
  for (int row = 0; row < kRows; ++row) {
    double sum = 0, squares = 0;
    for (int i = 0; i < kColumns; ++i) {
      const double value = (row * kColumns + i) % 7 + 0.25;
      sum += value;
      squares += value * value;
    }
    EXPECT_FLOAT_EQ(inorder[static_cast<size_t>(2 * row)], static_cast<float>(sum));
    EXPECT_FLOAT_EQ(inorder[static_cast<size_t>(2 * row + 1)], static_cast<float>(squares));
  }
  EXPECT_EQ(wrong_seeds(row_moments, inorder), 0);
}

TEST(Reduction, DeletedBarrierIsCaughtByEverySeed) {
  const std::vector<float> right = run(row_moments, {});
  EXPECT_EQ(wrong_seeds(broken_row_moments<true, true>, right), 0) << "with both barriers it is right";
  EXPECT_GE(wrong_seeds(broken_row_moments<false, true>, right), 7);
  EXPECT_GE(wrong_seeds(broken_row_moments<true, false>, right), 7);
}

// Warps that advance in step all read the scratch before one of them writes it again: the fair schedule hides the bug.
TEST(Reduction, DeletedBarrierIsMissedByTheFairSchedule) {
  EXPECT_TRUE(same_bits(run(broken_row_moments<true, false>, {}), run(row_moments, {})));
}

}  // namespace
}  // namespace farro::simt_test
