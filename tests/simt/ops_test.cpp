// SPDX-License-Identifier: Apache-2.0
// Elementwise ops, reductions, copies and fills on the device against the same call on the CPU, under several
// schedules.
#include "simt_test.h"

#include <farro/kernels/memory/factories.h>
#include <farro/kernels/pointwise/activation.h>
#include <farro/kernels/pointwise/arithmetic.h>
#include <farro/kernels/pointwise/choose.h>
#include <farro/kernels/pointwise/compare.h>
#include <farro/kernels/random/dropout.h>
#include <farro/kernels/random/random.h>
#include <farro/kernels/reduce/sum.h>

#include <cmath>

namespace farro::simt_test {
namespace {

const std::vector<DType> kFloating{DType::f32, DType::f64, DType::f16, DType::bf16};

// Values that differ, small enough to be exact in every dtype.
Tensor numbers(const Shape& sizes, DType dtype, int64_t step = 3) {
  Tensor flat = arange(checked_numel("numbers", sizes), {.dtype = DType::i64});
  std::vector<int64_t> values = flat.to_vector<int64_t>();
  for (int64_t& value : values) value = value * step % 17 + 1;
  return tensor(values, sizes).to(dtype);
}

void expect_same(const Tensor& device, const Tensor& host) {
  ASSERT_TRUE(device.is_cuda());
  EXPECT_EQ(device.sizes(), host.sizes());
  EXPECT_EQ(device.dtype(), host.dtype());
  EXPECT_EQ(device.to_vector<double>(), host.to_vector<double>());
}

template <class Fn>
void under_schedules(Fn&& fn) {
  for (const auto& schedule : schedules()) {
    SCOPED_TRACE(to_string(schedule));
    const simt_host::ScheduleGuard guard(schedule);
    fn();
  }
}

const Device kDevice = Device::cuda(0);

TEST(DevicePointwise, DenseOperands) {
  under_schedules([] {
    for (const DType dtype : kFloating)
      for (const int64_t n : {1, 7, 16, 1000, 3001}) {
        const Tensor a = numbers({n}, dtype), b = numbers({n}, dtype, 5);
        const Tensor x = a.to(kDevice), y = b.to(kDevice);
        expect_same(add(x, y, 2), add(a, b, 2));
        expect_same(x * y, a * b);
        expect_same(x / y, a / b);
        expect_same(-x, -a);
      }
  });
}

TEST(DevicePointwise, BroadcastStridesAndOffsets) {
  under_schedules([] {
    for (const DType dtype : kFloating) {
      const Tensor a = numbers({4, 1, 6}, dtype), b = numbers({5, 6}, dtype, 5);
      const Tensor x = a.to(kDevice), y = b.to(kDevice);
      expect_same(x - y, a - b);
      expect_same(x.permute({2, 0, 1}) * y.t().unsqueeze(1), a.permute({2, 0, 1}) * b.t().unsqueeze(1));
      const Tensor c = numbers({33}, dtype);
      const Tensor z = c.to(kDevice);
      expect_same(z.slice(0, 1, 33) + z.slice(0, 0, 32), c.slice(0, 1, 33) + c.slice(0, 0, 32));
      expect_same(z.slice(0, 0, 33, 4) * z[2], c.slice(0, 0, 33, 4) * c[2]);
    }
  });
}

TEST(DevicePointwise, MixedDtypesAndNumbers) {
  under_schedules([] {
    const Tensor a = numbers({3, 5}, DType::f16), b = numbers({5}, DType::i32), c = numbers({3, 1}, DType::f64);
    const Tensor x = a.to(kDevice), y = b.to(kDevice), z = c.to(kDevice);
    expect_same(x * y, a * b);
    expect_same(y + z, b + c);
    expect_same(y - y, b - b);
    expect_same(x * 2.5, a * 2.5);
    expect_same(3 - y, 3 - b);
    expect_same(x + tensor({4.0})[0], a + tensor({4.0})[0]);
  });
}

TEST(DevicePointwise, ComparesAndSelects) {
  under_schedules([] {
    for (const DType dtype : {DType::f32, DType::f16, DType::i32}) {
      const Tensor a = numbers({4, 6}, dtype), b = numbers({6}, dtype, 5);
      const Tensor x = a.to(kDevice), y = b.to(kDevice);
      expect_same(x < y, a < b);
      expect_same(x == 3, a == 3);
      expect_same(where(x > y, x, y), where(a > b, a, b));
      expect_same(clamp(x, 3, 9), clamp(a, 3, 9));
      expect_same(maximum(x, y), maximum(a, b));
      expect_same(masked_fill(x, x > y, -1), masked_fill(a, a > b, -1));
    }
  });
}

// Every combination of kept and reduced dimensions, in row and column order; the sums are exact, so any order agrees.
TEST(DeviceReduce, SumsOverAnyDims) {
  under_schedules([] {
    for (const DType dtype : {DType::f32, DType::i32}) {
      const Tensor a = numbers({5, 3, 40, 2}, dtype);
      const Tensor x = a.to(kDevice);
      for (const Dims& dims : {Dims{}, Dims{0}, Dims{3}, Dims{2}, Dims{0, 2}, Dims{1, 3}, Dims{0, 1, 2}}) {
        expect_same(sum(x, dims, false), sum(a, dims, false));
        expect_same(sum(x.permute({2, 0, 3, 1}), dims, true), sum(a.permute({2, 0, 3, 1}), dims, true));
        expect_same(any(x == 3, dims, false), any(a == 3, dims, false));
        expect_same(all(x < 17, dims, false), all(a < 17, dims, false));
      }
    }
  });
}

TEST(DeviceReduce, CutsLongReductionsIntoChunks) {
  under_schedules([] {
    const Tensor a = numbers({30000}, DType::f32), b = numbers({3000, 3}, DType::f64);
    expect_same(sum(a.to(kDevice)), sum(a));
    expect_same(sum(b.to(kDevice), {0}), sum(b, {0}));
    expect_same(mean(b.to(kDevice), {0}), mean(b, {0}));
  });
}

TEST(DeviceReduce, OfNothing) {
  const Tensor x = zeros({0, 3}, {.device = kDevice});
  expect_same(sum(x, {0}), zeros({3}));
  expect_same(sum(x, {1}), zeros({0}));
  EXPECT_TRUE(std::isnan(mean(x).item()));
}

// An element's value depends on the generator and its index alone, not on the device.
TEST(DeviceRandom, HasTheBitsOfTheCpu) {
  under_schedules([] {
    const auto draw = [](DType dtype, Device device) {
      const TensorOptions options{.dtype = dtype, .device = device};
      manual_seed(7);
      std::vector<Tensor> values{rand({1001}, options), randn({1001}, options), zeros({7, 9}, options)};
      values[2].t().normal_(3, 2);
      values.push_back(dropout(ones({77}, options), 0.3));
      values.push_back(bernoulli(full({99}, 0.25, options)));
      return values;
    };
    for (const DType dtype : kFloating) {
      const std::vector<Tensor> device = draw(dtype, kDevice), host = draw(dtype, Device::cpu());
      for (size_t i = 0; i < device.size(); ++i) expect_same(device[i], host[i]);
    }
    const auto integers = [](Device device) {
      manual_seed(9);
      return std::pair(randint(-5, 12, {333}, {.device = device}),
                       randint(0, int64_t{1} << 40, {333}, {.device = device}));
    };
    expect_same(integers(kDevice).first, integers(Device::cpu()).first);
    expect_same(integers(kDevice).second, integers(Device::cpu()).second);
  });
}

TEST(DeviceAutograd, BroadcastGradientsAreSummed) {
  under_schedules([] {
    const auto gradients = [](Device device) {
      Tensor a = numbers({4, 1, 6}, DType::f32).to(device), b = numbers({5, 6}, DType::f32, 5).to(device);
      a.set_requires_grad();
      b.set_requires_grad();
      sum((a * b - a) / 4).backward();
      return std::pair(a.grad(), b.grad());
    };
    const auto [device_a, device_b] = gradients(kDevice);
    const auto [host_a, host_b] = gradients(Device::cpu());
    expect_same(device_a, host_a);
    expect_same(device_b, host_b);
  });
}

TEST(DeviceCopy, ConvertsBetweenAllDtypes) {
  for (int from = 0; from < kNumDTypes; ++from)
    for (int to = 0; to < kNumDTypes; ++to) {
      const Tensor a = numbers({3, 7}, static_cast<DType>(from));
      expect_same(a.to(kDevice).to(static_cast<DType>(to)), a.to(static_cast<DType>(to)));
      expect_same(a.t().to(kDevice, static_cast<DType>(to)), a.t().to(static_cast<DType>(to)));
    }
}

TEST(DeviceCopy, LayoutsFillsAndViews) {
  under_schedules([] {
    const Tensor a = numbers({2, 3, 4, 5}, DType::f32);
    const Tensor x = a.to(kDevice);
    expect_same(x.permute({3, 1, 0, 2}).contiguous(), a.permute({3, 1, 0, 2}).contiguous());
    expect_same(x.contiguous(MemoryFormat::channels_last), a.contiguous(MemoryFormat::channels_last));
    Tensor y = zeros({3, 4}, {.device = kDevice}), b = zeros({3, 4});
    y.select(1, 2).fill_(7);
    b.select(1, 2).fill_(7);
    y[0].copy_(x[0][0][0].slice(0, 0, 4));
    b[0].copy_(a[0][0][0].slice(0, 0, 4));
    expect_same(y, b);
    expect_same(full({5}, 3, {.dtype = DType::i64, .device = kDevice}), full({5}, 3, {.dtype = DType::i64}));
    EXPECT_EQ(full({5}, 16777217.0, {.dtype = DType::i64, .device = kDevice})[4].item<int64_t>(), 16777217);
    EXPECT_TRUE(std::signbit(full({5}, -0.0, {.device = kDevice})[0].item()));
    expect_same(zeros({0, 3}, {.device = kDevice}), zeros({0, 3}));
    EXPECT_EQ(x[1][2][3][4].item(), a[1][2][3][4].item());
  });
}

// Where e^-x overflows in f32 the results are subnormal, not 0.
TEST(DeviceOps, SigmoidOfLargeNegativeNumbers) {
  const Tensor x = tensor({-100.0f, -95.0f, -90.0f, -88.0f, -20.0f});
  const std::vector<double> y = sigmoid(x.to(kDevice)).to_vector<double>(), at = x.to_vector<double>();
  for (size_t i = 0; i < at.size(); ++i) EXPECT_NEAR(y[i], std::exp(at[i]), 3e-45 + 1e-5 * std::exp(at[i])) << at[i];
}

TEST(DeviceCopy, CrossesDevices) {
  if (cuda_device_count() < 2) GTEST_SKIP() << "needs FARRO_SIMT_DEVICES=2";
  const Tensor a = numbers({3, 4}, DType::f32);
  expect_same(a.to(Device::cuda(0)).t().to(Device::cuda(1)), a.t());
}

// The copy waits for the source's work, and memory that it reads is not given to others before.
TEST(DeviceCopy, CrossesDevicesInOrder) {
  if (cuda_device_count() < 2) GTEST_SKIP() << "needs FARRO_SIMT_DEVICES=2";
  under_schedules([] {
    const Tensor start = numbers({300}, DType::f32);
    Tensor a = start.to(Device::cuda(0));
    for (int i = 0; i < 5; ++i) a = a + 1;
    expect_same(a.to(Device::cuda(1)).sum(), (start + 5).sum());
    const Tensor moved = (a * 2).to(Device::cuda(1));  // of a temporary
    const Tensor next = a * 3;                         // likely where it was
    expect_same(moved, (start + 5) * 2);
    expect_same(next, (start + 5) * 3);
  });
}

}  // namespace
}  // namespace farro::simt_test
