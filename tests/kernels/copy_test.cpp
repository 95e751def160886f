// SPDX-License-Identifier: Apache-2.0
// Copies: conversions between all dtypes, memory formats, overlapping operands, memory of the caller, meta tensors.
#include <farro/kernels/memory/factories.h>
#include <farro/kernels/pointwise/arithmetic.h>

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace farro {
namespace {

using V = std::vector<double>;
V values(const Tensor& t) { return t.to_vector<double>(); }

constexpr DType kAll[] = {DType::f64, DType::f32, DType::f16, DType::bf16, DType::i64,
                          DType::i32, DType::i16, DType::i8,  DType::u8,   DType::boolean};

TEST(Convert, SmallNumbersSurviveEveryPath) {
  const V numbers{0, 1, 2, 100, 127};
  for (DType from : kAll)
    for (DType to : kAll) {
      const Tensor x = tensor(numbers).to(from);
      const V expected = from == DType::boolean || to == DType::boolean ? V{0, 1, 1, 1, 1} : numbers;
      EXPECT_EQ(values(x.to(to)), expected) << name(from) << " to " << name(to);
      EXPECT_EQ(values(x.reshape({1, 5}).expand({3, 5}).t().to(to)[1]), V(3, expected[1]))
          << name(from) << " to " << name(to);
      Tensor target = zeros({10}, {.dtype = to}).slice(0, 0, 10, 2);
      target.copy_(x);
      EXPECT_EQ(values(target), expected) << name(from) << " into a slice of " << name(to);
    }
}

TEST(Convert, Edges) {
  const double inf = std::numeric_limits<double>::infinity();
  const Tensor x = tensor(V{NAN, inf, -inf, 1e300, -1e300, -0.0, 2.7, -2.7});
  EXPECT_EQ(x.to(DType::i64).to_vector<int64_t>(),
            (std::vector<int64_t>{0, INT64_MAX, INT64_MIN, INT64_MAX, INT64_MIN, 0, 2, -2}));
  EXPECT_EQ(x.to(DType::boolean).to_vector<bool>(),
            (std::vector<bool>{true, true, true, true, true, false, true, true}));
  EXPECT_TRUE(std::isnan(values(x.to(DType::f16))[0]));
  EXPECT_EQ(values(x.to(DType::f16))[3], inf);
  EXPECT_EQ(values(tensor(V{65519, 65520, 1e-8, 6e-8}).to(DType::f16)), (V{65504, inf, 0, 0x1p-24}));
  EXPECT_EQ(values(tensor(V{1.00390625, 1.01171875}).to(DType::bf16)), (V{1, 1.015625}));  // ties to even
  // Integers wrap as in C++ and PyTorch.
  const Tensor wide = tensor(std::vector<int64_t>{-1, 256, 300, -129});
  EXPECT_EQ(values(wide.to(DType::u8)), (V{255, 0, 44, 127}));
  EXPECT_EQ(values(wide.to(DType::i8)), (V{-1, 0, 44, 127}));
  // What a float cannot hold exactly is not lost between integers.
  const std::vector<int64_t> large{(int64_t{1} << 53) + 1, INT64_MAX, INT64_MIN};
  EXPECT_EQ(tensor(large).reshape({3, 1}).expand({3, 2}).t().contiguous()[0].to_vector<int64_t>(), large);
}

TEST(Convert, NaNAndNegativeZeroKeepTheirBitsWithinADtype) {
  for (DType dtype : {DType::f16, DType::bf16, DType::f32, DType::f64}) {
    const Tensor x = tensor(V{-0.0, NAN, 1}).to(dtype).reshape({3, 1}).expand({3, 2});
    const V copy = values(x.clone());
    EXPECT_TRUE(std::signbit(copy[0]));
    EXPECT_TRUE(std::isnan(copy[2]));
  }
}

TEST(Fill, KeepsTheNumber) {
  EXPECT_EQ(full({1}, 16777217.0, {.dtype = DType::i64}).item<int64_t>(), 16777217);
  EXPECT_EQ(full({1}, 9007199254740993, {.dtype = DType::i64}).item<int64_t>(), 9007199254740993);
  EXPECT_EQ(full({2}, -2.7, {.dtype = DType::i32}).to_vector<double>(), (V{-2, -2}));
  EXPECT_THROW(full({1}, NAN, {.dtype = DType::i64}), ValueError);
  EXPECT_TRUE(full({1}, 0.5, {.dtype = DType::boolean}).item<bool>());
  EXPECT_EQ(full({1}, 0.1, {.dtype = DType::f64}).item(), 0.1);
  for (DType dtype : {DType::f64, DType::f32, DType::f16, DType::bf16})
    EXPECT_TRUE(std::signbit(full({1}, -0.0, {.dtype = dtype}).item())) << name(dtype);
}

TEST(Convert, SameDTypeAndDeviceIsTheSameTensor) {
  const Tensor x = zeros({2});
  EXPECT_TRUE(x.to(DType::f32).is_same(x));
  EXPECT_TRUE(x.to(Device::cpu()).is_same(x));
  EXPECT_TRUE(x.contiguous().is_same(x));
  EXPECT_FALSE(x.clone().is_same(x));
}

TEST(MemoryFormats, ChannelsLast) {
  const Tensor x = arange(2.0 * 3 * 4 * 5).reshape({2, 3, 4, 5});
  const Tensor last = x.contiguous(MemoryFormat::channels_last);
  EXPECT_EQ(last.strides(), (Strides{60, 1, 15, 3}));
  EXPECT_TRUE(last.is_contiguous(MemoryFormat::channels_last));
  EXPECT_FALSE(last.is_contiguous());
  EXPECT_EQ(values(last), values(x));
  EXPECT_TRUE(last.contiguous(MemoryFormat::channels_last).is_same(last));
  EXPECT_EQ(values(last.contiguous()), values(x));
  EXPECT_EQ(last.clone().strides(), last.strides());  // layout is kept
  EXPECT_EQ(last.to(DType::f64).strides(), last.strides());
  EXPECT_EQ((last * 2).strides(), last.strides());
  EXPECT_EQ((last + x).sizes(), x.sizes());
  const Tensor volume = arange(2.0 * 3 * 2 * 2 * 2).reshape({2, 3, 2, 2, 2}).contiguous(MemoryFormat::channels_last);
  EXPECT_EQ(volume.strides(), (Strides{24, 1, 12, 6, 3}));
  // One channel or one pixel: both formats at once, and no copy.
  const Tensor thin = zeros({2, 1, 4, 5});
  EXPECT_TRUE(thin.contiguous(MemoryFormat::channels_last).is_same(thin));
  EXPECT_THROW(zeros({2, 3}).contiguous(MemoryFormat::channels_last), ShapeError);
  EXPECT_EQ(zeros({0, 3, 4, 5}).contiguous(MemoryFormat::channels_last).sizes(), (Shape{0, 3, 4, 5}));
}

TEST(MemoryFormats, CopiesBetweenAllLayouts) {
  const Tensor x = arange(2.0 * 3 * 4 * 5).reshape({2, 3, 4, 5});
  const std::vector<Tensor> layouts{x, x.contiguous(MemoryFormat::channels_last),
                                    x.permute({3, 1, 0, 2}).contiguous().permute({2, 1, 3, 0}),
                                    x.transpose(0, 3).contiguous().transpose(0, 3)};
  for (const Tensor& from : layouts)
    for (const Tensor& like : layouts)
      for (DType dtype : {DType::f32, DType::f64, DType::f16, DType::u8}) {
        Tensor to = like.to(dtype).clone().zero_();
        to.copy_(from);
        EXPECT_EQ(values(to), values(x));
      }
}

TEST(Overlap, CopiesActAsIfTheSourceHadBeenSaved) {
  Tensor x = arange(6.0);
  x.narrow(0, 1, 5).copy_(x.narrow(0, 0, 5));
  EXPECT_EQ(values(x), (V{0, 0, 1, 2, 3, 4}));
  x = arange(6.0);
  x.narrow(0, 0, 5).copy_(x.narrow(0, 1, 5));
  EXPECT_EQ(values(x), (V{1, 2, 3, 4, 5, 5}));
  Tensor m = arange(9.0).reshape({3, 3});
  m.copy_(m.t());
  EXPECT_EQ(values(m), (V{0, 3, 6, 1, 4, 7, 2, 5, 8}));
  Tensor broadcast = arange(4.0).reshape({2, 2});
  broadcast.copy_(broadcast[1]);
  EXPECT_EQ(values(broadcast), (V{2, 3, 2, 3}));
  Tensor same = arange(6.0).reshape({2, 3});
  same.copy_(same.view({2, 3}));
  same.t().copy_(same.t());
  EXPECT_EQ(values(same), (V{0, 1, 2, 3, 4, 5}));
}

TEST(Overlap, ArithmeticToo) {
  Tensor x = arange(6.0);
  x.narrow(0, 1, 5).add_(x.narrow(0, 0, 5));
  EXPECT_EQ(values(x), (V{0, 1, 3, 5, 7, 9}));
  Tensor m = arange(4.0).reshape({2, 2});
  m.add_(m.t());
  EXPECT_EQ(values(m), (V{0, 3, 3, 6}));
  Tensor row = arange(4.0).reshape({2, 2});
  row.add_(row[0]);
  EXPECT_EQ(values(row), (V{0, 2, 2, 4}));
  Tensor alone = arange(3.0);
  alone.add_(alone);
  EXPECT_EQ(values(alone), (V{0, 2, 4}));
  EXPECT_THROW(zeros({1}).expand({3}).add_(1), ValueError);  // one place, written three times
  EXPECT_THROW(zeros({1}).expand({3}).copy_(zeros({3})), ValueError);
  EXPECT_THROW(zeros({1}).expand({3}).fill_(1), ValueError);
}

TEST(FromBlob, UsesTheMemoryAndCallsTheDeleterOnce) {
  int deleted = 0;
  std::vector<float> memory{1, 2, 3, 4, 5, 6};
  {
    const Tensor x = from_blob(memory.data(), {2, 3}, {}, [&] { ++deleted; });
    EXPECT_EQ(x.raw_data(), memory.data());
    memory[5] = 60;
    EXPECT_EQ(values(x), (V{1, 2, 3, 4, 5, 60}));
    const Tensor view = x[1];
    EXPECT_EQ(deleted, 0);
  }
  EXPECT_EQ(deleted, 1);
  const Tensor strided = from_blob(memory.data(), {3, 2}, {1, 3});
  EXPECT_EQ(values(strided), (V{1, 4, 2, 5, 3, 60}));
  strided.clone().zero_();
  EXPECT_EQ(memory[0], 1);
  EXPECT_EQ(from_blob(nullptr, {0, 4}).numel(), 0);
  EXPECT_THROW(from_blob(nullptr, {1}), ValueError);
  EXPECT_THROW(from_blob(memory.data(), {2}, {-1}), ValueError);
  EXPECT_THROW(from_blob(memory.data(), {2}, Strides{1, 1}), ShapeError);
  EXPECT_THROW(from_blob(memory.data(), {INT64_MAX, 4}), ShapeError);
}

TEST(Meta, ShapesWithoutData) {
  const Tensor x = empty({1'000'000, 1'000'000}, {.device = Device::meta()});
  EXPECT_EQ(x.t().narrow(0, 5, 10).reshape({-1}).sizes(), (Shape{10'000'000}));
  EXPECT_EQ((x + x.t()).sizes(), x.sizes());
  EXPECT_EQ(x.to(DType::f16).dtype(), DType::f16);
  EXPECT_TRUE(x.clone().is_meta());
  EXPECT_TRUE(zeros({3}).to(Device::meta()).is_meta());
  EXPECT_THROW(x.narrow(0, 0, 1).to(Device::cpu()), DeviceError);
  EXPECT_THROW(zeros({2}).copy_(zeros({2}, {.device = Device::meta()})), DeviceError);
  EXPECT_THROW(zeros({2}, {.device = Device::meta()}).item(), Error);
}

TEST(Empty, CopiesOfNothing) {
  for (const Shape& sizes : {Shape{0}, {3, 0}, {0, 3}, {2, 0, 3}}) {
    const Tensor x = zeros(sizes);
    EXPECT_EQ(x.clone().sizes(), sizes);
    EXPECT_EQ(x.to(DType::i64).sizes(), sizes);
    EXPECT_EQ(x.permute(x.dim() == 1 ? Dims{0} : x.dim() == 2 ? Dims{1, 0} : Dims{2, 0, 1}).contiguous().numel(), 0);
    EXPECT_TRUE(x.is_contiguous());
    Tensor y = x.clone();
    y.copy_(x).fill_(3);
    EXPECT_EQ(values(y), V{});
  }
}

TEST(Dense, ClonesKeepDenseLayoutsAndPackOthers) {
  const Tensor x = arange(24.0).reshape({2, 3, 4});
  EXPECT_EQ(empty_like(x.permute({2, 0, 1})).strides(), x.permute({2, 0, 1}).strides());
  EXPECT_TRUE(empty_like(x.slice(2, 0, 4, 2)).is_contiguous());
  EXPECT_TRUE(empty_like(x.unsqueeze(0).expand({5, 2, 3, 4})).is_contiguous());
  EXPECT_EQ(values(x.permute({2, 0, 1}).clone()), values(x.permute({2, 0, 1}).contiguous()));
  EXPECT_EQ(values(x.slice(2, 1, 4, 2).clone())[1], 3);
  // As many places as elements, but the same place twice: not dense.
  const Tensor twice = x.as_strided({2, 2}, {1, 1}, 0);
  EXPECT_EQ(values(twice.clone()), (V{0, 1, 1, 2}));
  const Tensor sneaky = x.as_strided({4, 3}, {1, 4}, 0).as_strided({2, 2, 2}, {1, 1, 5}, 0);
  EXPECT_EQ(values(sneaky.clone()), values(sneaky.contiguous()));
}

}  // namespace
}  // namespace farro
