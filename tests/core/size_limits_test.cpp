// SPDX-License-Identifier: Apache-2.0
// Sizes and options at the ends of their ranges: a result where there is one, else a typed error, at once.
#include <farro/core/util/checked.h>
#include <farro/kernels/conv/conv.h>
#include <farro/kernels/conv/conv.op.h>
#include <farro/kernels/index/gather.h>
#include <farro/kernels/index/join.h>
#include <farro/kernels/index/one_hot.h>
#include <farro/kernels/index/rearrange.h>
#include <farro/kernels/index/repeat.fn.h>
#include <farro/kernels/index/sort.h>
#include <farro/kernels/memory/factories.h>
#include <farro/kernels/pool/pool.h>
#include <farro/kernels/pool/pool.op.h>
#include <farro/kernels/pool/pool_windows.h>
#include <farro/kernels/random/random.h>
#include <farro/kernels/reduce/scan.h>
#include <farro/kernels/reduce/scan.op.h>

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>

namespace farro {
namespace {

using V = std::vector<double>;
using ::testing::HasSubstr;

constexpr int64_t kMost = INT64_MAX, kFar = int64_t{1} << 62;
constexpr DType kFloating[] = {DType::f32, DType::f64, DType::f16, DType::bf16};

Tensor ones_of(const Shape& sizes, DType dtype) { return ones(sizes, {.dtype = dtype}); }

template <class E, class Fn>
void expect_error(Fn&& fn, const std::string& text) {
  try {
    fn();
    FAIL() << "no error, where there should be one with " << text;
  } catch (const E& error) {
    EXPECT_THAT(error.what(), HasSubstr(text));
  }
}

TEST(Checked, RemembersAnOverflow) {
  EXPECT_EQ((Checked(3) * 4 - 2).value(), 10);
  EXPECT_FALSE((Checked(kMost) + 1 - 1).ok());
  EXPECT_FALSE((Checked(1) - (Checked(kFar) * 2)).ok());
  EXPECT_EQ(to_string(Checked(kFar) * 2), "2^63 or more");
  EXPECT_FALSE((Checked(kFar) * 2).at_most(kMost));
}

TEST(ConvLimits, AStrideThatOneWindowNeedsNotIsAnyStride) {
  for (DType dtype : kFloating)
    for (int64_t stride : {int64_t{9}, int64_t{INT32_MAX}, int64_t{1} << 32, kFar, kMost}) {
      const Tensor x = ones_of({1, 1, 5}, dtype).set_requires_grad(), w = ones_of({1, 1, 3}, dtype).set_requires_grad();
      const Tensor out = conv1d(x, w, {}, {.stride = {stride}, .padding = {2}});
      EXPECT_EQ(out.to_vector<double>(), V{1}) << str(dtype, " ", stride);
      out.sum().backward();
      EXPECT_EQ(x.grad().to_vector<double>(), (V{1, 0, 0, 0, 0}));
      EXPECT_EQ(w.grad().to_vector<double>(), (V{0, 0, 1}));
    }
  EXPECT_EQ(conv2d(ones({1, 1, 5, 4}), ones({1, 1, 3, 3}), {}, {.stride = {kMost, 1}}).to_vector<double>(), (V{9, 9}));
  EXPECT_EQ(conv3d(ones({1, 1, 2, 5, 4}), ones({1, 1, 1, 3, 3}), {}, {.stride = {1, kMost, 1}}).sizes(),
            (Shape{1, 1, 2, 1, 2}));
}

TEST(ConvLimits, ADilationThatOneTapNeedsNotIsAnyDilation) {
  for (DType dtype : kFloating) {
    EXPECT_EQ(
        conv1d(ones_of({1, 1, 3}, dtype), ones_of({1, 1, 1}, dtype), {}, {.dilation = {kMost}}).to_vector<double>(),
        (V{1, 1, 1}));
    EXPECT_EQ(conv_transpose1d(ones_of({1, 1, 3}, dtype), ones_of({1, 1, 1}, dtype), {}, {.dilation = {kFar}})
                  .to_vector<double>(),
              (V{1, 1, 1}));
  }
}

TEST(ConvLimits, SizesBeyond63BitsAreErrors) {
  for (DType dtype : kFloating) {
    const Tensor x = ones_of({1, 1, 5}, dtype), one = ones_of({1, 1, 1}, dtype), five = ones_of({1, 1, 5}, dtype);
    expect_error<ShapeError>([&] { conv1d(x, one, {}, {.padding = {kMost}}); },
                             "conv1d: padded size must be below 2^63");
    expect_error<ShapeError>([&] { conv1d(x, five, {}, {.dilation = {kFar}}); },
                             "conv1d: kernel must fit into the padded input, got extent 2^63 or more over 5");
    expect_error<ValueError>([&] { conv1d(x, five, {}, {.dilation = {kFar}, .same_padding = true}); },
                             "conv1d: dilation must keep the kernel's extent below 2^63");
    expect_error<ShapeError>([&] { conv_transpose1d(x, one, {}, {.stride = {kFar}}); },
                             "conv_transpose1d: result must have fewer than 2^63 elements in dimension 2");
    expect_error<ShapeError>([&] { conv_transpose1d(x, five, {}, {.dilation = {kFar}}); }, "fewer than 2^63");
    expect_error<ShapeError>([&] { conv_transpose1d(x, one, {}, {.padding = {kMost}}); },
                             "conv_transpose1d: result must have ");
    // There is such a size, but no such memory.
    EXPECT_THROW(conv1d(x, one, {}, {.padding = {kFar / 8}}), Error);
    EXPECT_THROW(conv_transpose1d(x, one, {}, {.stride = {int64_t{1} << 50}}), OutOfMemoryError);
    EXPECT_THROW(conv_backward_data(x, one, {1, 1, INT64_MIN}), ShapeError);
    EXPECT_THROW(conv_backward_filter(x, x, {1, 1, INT64_MIN}, true, {.same_padding = true}), ValueError);
    EXPECT_THROW(conv_backward_filter(x, x, {1, 1, INT64_MIN}, true), ShapeError);
  }
  EXPECT_THROW(conv1d(ones({1, 0, 5}), ones({0, 4, 1}), {}, {.groups = kFar}), ShapeError);
  EXPECT_THROW(conv_transpose1d(ones({1, 0, 5}), ones({0, 4, 1}), {}, {.groups = kFar}), ShapeError);
}

TEST(ConvLimits, OutputPaddingOfTheStride) {
  for (DType dtype : kFloating) {
    EXPECT_EQ(conv_transpose1d(ones_of({1, 1, 4}, dtype), ones_of({1, 1, 1}, dtype), {},
                               {.output_padding = {1}, .dilation = {3}})
                  .to_vector<double>(),
              (V{1, 1, 1, 1, 0}));
    // A grid of options against f64, in each rank.
    for (int rank = 1; rank <= 3; ++rank)
      for (int64_t stride : {1, 2})
        for (int64_t padding : {0, 1})
          for (int64_t dilation : {1, 2, 4})
            for (int64_t extra = 0; extra < std::max(stride, dilation); ++extra) {
              Shape sizes{2, 2};
              for (int i = 0; i < rank; ++i) sizes.push_back(3);
              Shape kernel{2, 1};
              for (int i = 0; i < rank; ++i) kernel.push_back(2);
              const Tensor x = arange(checked_numel("test", sizes)).reshape(sizes).to(dtype);
              const Tensor w = arange(checked_numel("test", kernel)).reshape(kernel).to(dtype);
              const auto run = [&](DType in) {
                const ConvTransposeOptions options{
                    .stride = {stride}, .padding = {padding}, .output_padding = {extra}, .dilation = {dilation}};
                const auto fn = rank == 1 ? &conv_transpose1d : rank == 2 ? &conv_transpose2d : &conv_transpose3d;
                return fn(x.to(in), w.to(in), Tensor(), options).to(DType::f32).to_vector<double>();
              };
              // The half types round what is exact in the others.
              const V got = run(dtype), right = run(DType::f64);
              ASSERT_EQ(got.size(), right.size());
              for (size_t i = 0; i < got.size(); ++i)
                EXPECT_NEAR(got[i], right[i], std::abs(right[i]) / (dtype == DType::f32 ? 1e6 : 100))
                    << rank << stride << padding << dilation << extra;
            }
  }
}

TEST(PoolLimits, WindowsThatDoNotExist) {
  const Tensor x = ones({1, 1, 5});
  expect_error<ShapeError>([&] { max_pool1d(x, {.kernel_size = {5}, .dilation = {kFar}}); },
                           "max_pool1d: window must fit into the padded input, got extent 2^63 or more over 5");
  expect_error<ShapeError>([&] { avg_pool1d(x, {.kernel_size = {kMost}, .padding = {kMost / 2}}); }, "avg_pool1d: ");
  expect_error<ShapeError>([&] { max_pool1d(x, {.kernel_size = {kFar}, .padding = {kFar / 2}}); },
                           "x with its padding must have fewer than 2^31 elements");
  // A window of more than 2^31 elements, of which 125 exist.
  expect_error<ShapeError>([&] { max_pool3d(ones({1, 1, 5, 5, 5}), {.kernel_size = {1 << 29}, .padding = {1 << 28}}); },
                           "max_pool: a window must have fewer than 2^31 elements");
}

TEST(PoolLimits, StridesThatOneWindowNeedsNot) {
  for (bool ceil_mode : {false, true})
    for (int64_t stride : {int64_t{7}, int64_t{INT32_MAX}, kFar, kMost}) {
      const PoolOptions options{.kernel_size = {2}, .stride = {stride}, .ceil_mode = ceil_mode};
      EXPECT_EQ(max_pool1d(ones({1, 1, 5}), options).to_vector<double>(), V{1}) << stride;
      EXPECT_EQ(avg_pool1d(ones({1, 1, 5}), options).to_vector<double>(), V{1}) << stride;
    }
  EXPECT_EQ(max_pool1d(ones({1, 1, 3}), {.kernel_size = {1}, .stride = {1}, .dilation = {kMost}}).to_vector<double>(),
            (V{1, 1, 1}));
  // A last window that begins inside the input, by the stride's last choice.
  EXPECT_EQ(max_pool1d(arange(5.0).reshape({1, 1, 5}), {.kernel_size = {3}, .stride = {4}, .ceil_mode = true})
                .to_vector<double>(),
            (V{2, 4}));
}

TEST(PoolLimits, NoWorkBeforeTheMemoryIsThere) {
  const Tensor x = rand({1, 1, 4});
  EXPECT_THROW(adaptive_max_pool1d(x, {int64_t{1} << 45}), OutOfMemoryError);
  EXPECT_THROW(adaptive_avg_pool1d(x, {int64_t{1} << 45}), OutOfMemoryError);
  EXPECT_THROW(adaptive_max_pool2d(rand({1, 1, 4, 4}), {int64_t{1} << 45, 1}), OutOfMemoryError);
  EXPECT_THROW(adaptive_max_pool3d(rand({1, 1, 4, 4, 4}), {1, int64_t{1} << 45, 1}), OutOfMemoryError);
  EXPECT_EQ(adaptive_max_pool1d(empty({1, 1, 4}, {.device = Device::meta()}), {int64_t{1} << 45}).size(2),
            int64_t{1} << 45);
  EXPECT_EQ(adaptive_max_pool1d(rand({0, 1, 4}), {int64_t{1} << 45}).numel(), 0);
}

TEST(PoolLimits, TheLargestAdaptiveWindow) {
  for (int64_t in = 1; in <= 40; ++in)
    for (int64_t out = 1; out <= 90; ++out) {
      int64_t largest = 1;
      for (int64_t o = 0; o < out; ++o) largest = std::max(largest, ((o + 1) * in + out - 1) / out - o * in / out);
      PoolParams params;
      params.output = {out};
      EXPECT_EQ(pool_window_size({1, 1, in}, params), largest) << in << " to " << out;
    }
}

TEST(ViewLimits, PartsThatNobodyCouldHold) {
  const Tensor rows = ones({1}).expand({int64_t{1} << 40});
  expect_error<ValueError>([&] { rows.unbind(); },
                           "unbind: number of tensors must be at most 4194304, got 1099511627776");
  expect_error<ValueError>([&] { rows.split(1); },
                           "split: number of tensors must be at most 4194304, got 1099511627776");
  expect_error<ValueError>([&] { rows.chunk(kMost); }, "chunk: number of tensors must be at most");
  expect_error<ValueError>([&] { rows.chunk(int64_t{1} << 39); }, "chunk: number of tensors must be at most");
  EXPECT_EQ(rows.split(kMost).size(), 1u);
  EXPECT_EQ(rows.split(int64_t{1} << 38).size(), 4u);
  EXPECT_EQ(ones({5}).chunk(kMost).size(), 5u);
  const std::vector<Tensor> halves = ones({1}).expand({kMost}).split(kFar);
  ASSERT_EQ(halves.size(), 2u);
  EXPECT_EQ(halves[1].size(0), kFar - 1);
  EXPECT_EQ(ones({0, 3}).split(2).size(), 1u);
}

TEST(ViewLimits, StridesOfNothing) {
  EXPECT_THROW(empty_strided({0, 5}, {1, kFar}), ShapeError);
  EXPECT_EQ(empty_strided({5, 0}, {1, 1}).numel(), 0);
  EXPECT_THROW(zeros({int64_t{1} << 40, 3, int64_t{1} << 40, 4}), ShapeError);
}

TEST(IndexLimits, SizesThatAddUpTooFar) {
  const Tensor far = ones({1}).expand({kFar});
  expect_error<ShapeError>([&] { cat({far, far, far}); },
                           "cat: the sizes in dimension 0 must add up to less than 2^63");
  expect_error<ShapeError>([&] { repeat(ones({4}), {kFar}); }, "repeat: sizes must stay below 2^63");
  EXPECT_THROW(repeat(ones({1, 4}), {int64_t{1} << 40, int64_t{1} << 40}), ShapeError);
  EXPECT_THROW(repeat(ones({1, 4}), {int64_t{1} << 50, 1}), OutOfMemoryError);
  EXPECT_THROW(one_hot(tensor(std::vector<int64_t>{kMost})), ShapeError);
  EXPECT_THROW(one_hot(tensor(std::vector<int64_t>{1}), kMost), Error);
  EXPECT_EQ(roll(tensor(std::vector<int64_t>{1, 2, 3}), {INT64_MIN}).to_vector<int64_t>(),
            (std::vector<int64_t>{3, 1, 2}));  // -2^63 is 1 modulo 3
}

TEST(IndexLimits, ManyLinesOfNothingAreNoWork) {
  const Tensor nothing = empty({int64_t{1} << 40, 0});
  EXPECT_EQ(sort(nothing, 1).first.sizes(), nothing.sizes());
  EXPECT_EQ(argsort(nothing, -1).numel(), 0);
  EXPECT_EQ(cumsum(nothing, 1).sizes(), nothing.sizes());
  EXPECT_EQ(prod_others(nothing, 1).sizes(), nothing.sizes());
}

TEST(IndexLimits, IntegerSumsWrap) {
  const Tensor most = full({1}, kMost), at = zeros({1}, {.dtype = DType::i64});
  EXPECT_EQ(scatter_add(most, 0, at, most).item<int64_t>(), -2);
  EXPECT_EQ(index_add(most, 0, at, most).item<int64_t>(), -2);
  EXPECT_EQ(scatter_add(full({1, 2}, kMost), 0, zeros({1, 2}, {.dtype = DType::i64}), full({1, 2}, kMost))
                .to_vector<int64_t>(),
            (std::vector<int64_t>{-2, -2}));
}

}  // namespace
}  // namespace farro
