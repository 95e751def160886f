// SPDX-License-Identifier: Apache-2.0
// The forward kernel of layer_norm (kernels/norm/layer_norm.cu, f32, row cached) with the second barrier of its block
// reduction as a parameter: without it a fast warp overwrites the sum that a slow one still reads. The adversarial
// schedule must see that.
#include "simt_test.h"

#include <farro/kernels/simt/launch.h>
#include <farro/kernels/simt/math.h>
#include <farro/kernels/simt/warp.h>

#include <cmath>
#include <cstring>

namespace farro::simt_test {
namespace {

template <bool kSecondBarrier>
__device__ float block_sum(float value, float* scratch) {
  const unsigned lane = threadIdx.x % simt::kWarpSize;
  value = simt::warp_reduce(value, simt::Add());
  if (lane == 0) scratch[threadIdx.x / simt::kWarpSize] = value;
  __syncthreads();
  value = lane < blockDim.x / simt::kWarpSize ? scratch[lane] : 0;
  value = simt::warp_reduce(value, simt::Add());
  if (kSecondBarrier) __syncthreads();
  return value;
}

template <bool kSecondBarrier>
__global__ void norm_forward(const float* x, const float* weight, const float* bias, float* y, int64_t n, float eps) {
  SMEM(float, scratch, 32);
  DYN_SMEM(float, cache);
  const float* row = x + blockIdx.x * n;
  float sum = 0;
  for (int64_t i = threadIdx.x; i < n; i += blockDim.x) {
    cache[i] = row[i];
    sum += cache[i];
  }
  const float mean = block_sum<kSecondBarrier>(sum, scratch) / static_cast<float>(n);
  float squares = 0;
  for (int64_t i = threadIdx.x; i < n; i += blockDim.x) squares += (cache[i] - mean) * (cache[i] - mean);
  const float variance = block_sum<kSecondBarrier>(squares, scratch) / static_cast<float>(n);
  const float rstd = 1 / simt::sqrt(variance + eps);
  for (int64_t i = threadIdx.x; i < n; i += blockDim.x)
    y[blockIdx.x * n + i] = (cache[i] - mean) * rstd * weight[i] + bias[i];
}

constexpr int64_t kRows = 5;
constexpr int64_t kLength = 768;

template <bool kSecondBarrier>
std::vector<float> run(const simt_host::Schedule& schedule) {
  const simt_host::ScheduleGuard guard(schedule);
  std::vector<float> values(kRows * kLength);
  for (size_t i = 0; i < values.size(); ++i) values[i] = std::sin(static_cast<float>(i) * 0.37f) * 2 + 0.5f;
  const DeviceArray<float> x(values), weight(std::vector<float>(kLength, 1.5f)),
      bias(std::vector<float>(kLength, 0.25f));
  const DeviceArray<float> y(values.size());
  simt::launch(
      norm_forward<kSecondBarrier>,
      {.name = "layer_norm", .grid = kRows, .block = 256, .shared_bytes = kLength * sizeof(float), .barriers = true},
      stream(), x.data(), weight.data(), bias.data(), y.data(), kLength, 1e-5f);
  return y.to_host();
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

TEST(LayerNormBug, DeletedBarrierIsCaught) {
  const std::vector<float> right = run<true>({});
  int caught = 0;
  for (uint64_t seed = 1; seed <= 8; ++seed) {
    const simt_host::Schedule schedule{simt_host::Order::adversarial, seed};
    EXPECT_TRUE(same_bits(run<true>(schedule), right)) << "the right kernel does not depend on the schedule";
    caught += !same_bits(run<false>(schedule), right);
  }
  EXPECT_EQ(caught, 8);
  EXPECT_TRUE(same_bits(run<false>({}), right)) << "the fair schedule hides it";
}

}  // namespace
}  // namespace farro::simt_test
