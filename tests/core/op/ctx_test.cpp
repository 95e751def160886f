// SPDX-License-Identifier: Apache-2.0
// What kernels get from their call: operands as they want them, work memory, results that land only on success.
#include <farro/autograd/call/inplace.h>
#include <farro/core/parallel/parallel.h>
#include <farro/core/storage/cpu_allocator.h>

#include "op_test.h"

namespace farro {
namespace {

using namespace op_test;
using ::testing::Each;
using ::testing::Eq;

std::vector<double> values(const Tensor& t) { return t.to_vector<double>(); }

TEST(Ctx, DenseOperandsAreTheTensorItselfOrACountedCopy) {
  Ctx ctx("test", Device::cpu());
  const Tensor x = arange(24).to(DType::f32).reshape({2, 3, 4});
  EXPECT_TRUE(ctx.dense(x).is_same(x));
  EXPECT_FALSE(ctx.dense(Tensor()).defined());
  EXPECT_EQ(ctx.counts().copied + ctx.counts().scratch, 0);

  const Tensor turned = x.transpose(0, 2), dense = ctx.dense(turned);
  EXPECT_TRUE(dense.is_contiguous());
  EXPECT_EQ(values(dense), values(turned));
  EXPECT_EQ(ctx.counts().copied, 96);
  EXPECT_EQ(ctx.counts().scratch, 96);

  const Tensor wide = ctx.dense(x, MemoryFormat::contiguous, DType::f64);
  EXPECT_EQ(wide.dtype(), DType::f64);
  EXPECT_EQ(values(wide), values(x));
  EXPECT_EQ(ctx.counts().copied, 96 + 192);

  const Tensor half = x.to(DType::f16);
  EXPECT_EQ(ctx.dense(half).dtype(), DType::f32);  // half types are summed in f32
  EXPECT_TRUE(ctx.dense(half, MemoryFormat::contiguous, DType::f16).is_same(half));

  const Tensor last = ctx.dense(x, MemoryFormat::channels_last, DType::f32);
  EXPECT_EQ(last.strides(), (Strides{12, 1, 3}));
  EXPECT_EQ(values(last), values(x));
  EXPECT_TRUE(ctx.dense(last, MemoryFormat::channels_last, DType::f32).is_same(last));
  const Tensor image = zeros({2, 3, 4, 5}).contiguous(MemoryFormat::channels_last);
  EXPECT_TRUE(ctx.dense(image, MemoryFormat::channels_last, DType::f32).is_same(image));
  EXPECT_TRUE(
      ctx.dense(zeros({2, 1, 4, 5}), MemoryFormat::channels_last, DType::f32).is_contiguous());  // either layout

  const Tensor row = tensor({1, 2}), spread = ctx.spread(row, {3, 2}, DType::f32);
  EXPECT_TRUE(spread.is_contiguous());
  EXPECT_EQ(values(spread), (std::vector<double>{1, 2, 1, 2, 1, 2}));
  EXPECT_TRUE(ctx.spread(row, {2}, DType::f32).is_same(row));
}

TEST(Ctx, CopiesHaveNoHistoryAndTellNobody) {
  const Tensor x = ones({4, 4}).set_requires_grad();
  const Ear ear;
  Ctx ctx("test", Device::cpu());
  EXPECT_FALSE(ctx.dense(x.t(), MemoryFormat::contiguous, DType::f64).requires_grad());
  EXPECT_THAT(ear.names(), testing::ElementsAre("permute"));
}

TEST(Ctx, ScratchIsAlignedAndGoesBackWhenTheCallEnds) {
  const size_t before = cpu_memory_stats().in_use;
  {
    Ctx ctx("test", Device::cpu());
    EXPECT_EQ(ctx.scratch<float>(0), nullptr);
    for (int i = 0; i < 8; ++i) {
      EXPECT_EQ(reinterpret_cast<uintptr_t>(ctx.scratch<char>(96)) % 64, 0u);
      EXPECT_EQ(
          reinterpret_cast<uintptr_t>(ctx.scratch_tensor({5}, MemoryFormat::contiguous, DType::f64).raw_data()) % 64,
          0u);
    }
    for (int64_t count : {1, 3, 100, 1 << 20})
      EXPECT_EQ(reinterpret_cast<uintptr_t>(ctx.scratch<float>(count)) % 64, 0u) << count;
    EXPECT_EQ(ctx.counts().scratch, 8 * (96 + 40) + 4 * (1 + 3 + 100 + (1 << 20)));
    EXPECT_GE(cpu_memory_stats().in_use, before + (4 << 20));
  }
  EXPECT_EQ(cpu_memory_stats().in_use, before);
  EXPECT_THROW(
      {
        Ctx ctx("test", Device::cpu());
        ctx.scratch<float>(1 << 20);
        ctx.dense(zeros({1 << 10, 1 << 10}).t());
        fail<ValueError>("a kernel's error");
      },
      ValueError);
  EXPECT_EQ(cpu_memory_stats().in_use, before);
}

TEST(Ctx, ScratchThatNoMemoryHoldsIsAnError) {
  Ctx ctx("test", Device::cpu());
  EXPECT_THROW(ctx.scratch<double>(INT64_MAX / 4), Error);
  EXPECT_THROW(ctx.scratch<double>(int64_t{1} << 55), OutOfMemoryError);
  EXPECT_NE(ctx.scratch<double>(4), nullptr);
}

TEST(Ctx, PartsOfALoopCountForTheCall) {
  Ctx ctx("test", Device::cpu());
  ctx.scratch<float>(10);
  const Tensor x = zeros({8, 4}).t();
  const Ctx::Parts parts = ctx.parts();
  parallel_for(16, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      Ctx own(parts);
      own.scratch<float>(100);
      own.dense(x);
      Ctx inner(own.parts());  // parts of a part
      inner.scratch<float>(1);
    }
  });
  EXPECT_EQ(ctx.counts().scratch, 40 + 16 * (400 + 128 + 4));
  EXPECT_EQ(ctx.counts().copied, 16 * 128);
}

TEST(Ctx, PlansComeFromTheDevicesCache) {
  Ctx ctx("test", Device::cpu());
  const PlanKey key = PlanKey("ctx_test").add(int64_t{1});
  const auto first = ctx.plan<int>(key, [] { return std::make_shared<int>(3); });
  EXPECT_EQ(ctx.plan<int>(key, [] { return std::make_shared<int>(4); }), first);
  EXPECT_EQ(plan_cache(Device::cpu()).get<int>(key, [] { return std::make_shared<int>(5); }), first);
}

// --- results

// Writes 5 to the result that it asked for, in f64, and throws where x begins with a negative number.
template <class Op>
void fives(Ctx& ctx, const typename Op::Args& args, Outputs<Op>& out) {
  const Tensor work = ctx.result(out[0], MemoryFormat::contiguous, DType::f64);
  std::fill_n(work.data<double>(), work.numel(), 5.0);
  if (args.x.numel() && args.x.select(0, 0).template item<double>() < 0) fail<ValueError>("a kernel's error");
}
using Fives = Probe<32>;
void register_fives() {
  static const bool once = [] {
    make_known<Fives>();
    register_kernel<Fives>(DeviceType::cpu, &fives<Fives>);
    return true;
  }();
  static_cast<void>(once);
}

TEST(Ctx, ResultsAreWrittenWhenTheKernelHasReturned) {
  register_fives();
  EXPECT_THAT(values(call<Fives>({zeros({3})})), Each(Eq(5)));
  const Tensor x = zeros({6});
  Tensor target = x.as_strided({3}, {2}, 0);  // not dense
  call_inplace<Fives>({target}, target);
  EXPECT_EQ(values(x), (std::vector<double>{5, 0, 5, 0, 5, 0}));
  Tensor whole = zeros({2}, {.dtype = DType::f64});
  call_inplace<Fives>({whole}, whole);  // the target itself
  EXPECT_THAT(values(whole), Each(Eq(5)));
}

TEST(Ctx, ResultsOfAKernelThatThrewAreNotWritten) {
  register_fives();
  Tensor x = tensor({-1, 2, 3});
  const size_t before = cpu_memory_stats().in_use;
  {
    const Ear ear;
    EXPECT_EQ(error_of<ValueError>([&] { return call_inplace<Fives>({x}, x), 0; }), "a kernel's error");
    ASSERT_FALSE(ear.heard().empty());
    EXPECT_TRUE(ear.heard().back().failed);
  }
  EXPECT_EQ(values(x), (std::vector<double>{-1, 2, 3}));
  EXPECT_EQ(cpu_memory_stats().in_use, before);
}

TEST(Ctx, AResultThatFitsIsTheOutput) {
  Ctx ctx("test", Device::cpu());
  const Tensor out = zeros({2, 3});
  EXPECT_TRUE(ctx.result(out).is_same(out));
  EXPECT_FALSE(ctx.result(Tensor()).defined());
  EXPECT_EQ(ctx.counts().scratch, 0);
  const Tensor half = zeros({3}, {.dtype = DType::bf16}), work = ctx.result(half);
  EXPECT_EQ(work.dtype(), DType::f32);
  std::fill_n(work.data<float>(), 3, 1.5f);
  EXPECT_THAT(values(half), Each(Eq(0)));
  ctx.finish();
  EXPECT_THAT(values(half), Each(Eq(1.5)));
  EXPECT_EQ(ctx.counts().copied, 12);
}

}  // namespace
}  // namespace farro
