// SPDX-License-Identifier: Apache-2.0
// What the samples of conv do not say of the variant `winograd`: its error beside that of the direct form, on shapes
// with more tiles than are held at a time, and that threads do not show.
#include <farro/core/op/op_table.h>
#include <farro/core/parallel/parallel.h>
#include <farro/core/random/generator.h>
#include <farro/kernels/conv/conv.h>
#include <farro/kernels/conv/conv.op.h>
#include <farro/kernels/cpu/isa.h>
#include <farro/kernels/memory/factories.h>
#include <farro/kernels/pointwise/arithmetic.h>
#include <farro/kernels/random/random.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

namespace farro {
namespace {

struct Layer {
  int64_t batch, in, out, h, w, pad;
};

constexpr Layer kLayers[] = {
    {4, 64, 64, 20, 20, 1},    // tiles in several blocks
    {2, 128, 128, 16, 12, 1},  // all tiles at once
    {3, 72, 100, 15, 13, 0},  {2, 96, 64, 11, 14, 2}, {2, 96, 112, 11, 14, 1},
};

class Winograd : public testing::TestWithParam<Layer> {
 protected:
  void SetUp() override {
    if (cpu_isa() == CpuIsa::generic) GTEST_SKIP() << "the variant is not for this instruction set";
    manual_seed(5);
    const auto [batch, in, out, h, w, pad] = GetParam();
    if (cpu_isa() == CpuIsa::avx2 && std::min(in, out) < 96) GTEST_SKIP() << "the direct form is closer there";
    x_ = randn({batch, in, h, w});
    weight_ = randn({out, in, 3, 3});
    grad_ = randn({batch, out, h + 2 * pad - 2, w + 2 * pad - 2});
  }

  // Of one of the three ops, by the variant, in a dtype.
  Tensor run(const std::string& op, const char* variant, DType dtype) const {
    const VariantScope scope(op, variant);
    const ConvOptions options{.padding = {GetParam().pad}};
    const Tensor x = x_.to(dtype), weight = weight_.to(dtype), grad = grad_.to(dtype);
    if (op == "conv") return conv2d(x, weight, {}, options);
    if (op == "conv_backward_data") return conv_backward_data(grad, weight, x.sizes(), options);
    return conv_backward_filter(grad, x, weight.sizes(), false, options).first;
  }

  Tensor x_, weight_, grad_;
};

constexpr const char* kOps[] = {"conv", "conv_backward_data", "conv_backward_filter"};

TEST_P(Winograd, IsAtMostTwiceAsFarFromTheExactSumsAsTheDirectForm) {
  for (const char* op : kOps) {
    const Tensor exact = run(op, "generic", DType::f64);
    const auto error = [&](const char* variant) {
      return (run(op, variant, DType::f32).to(DType::f64) - exact).abs().max().item();
    };
    EXPECT_LE(error("winograd"), 2 * error("onednn")) << op;
  }
}

TEST_P(Winograd, IsChosen) {
  for (const char* op : kOps)
    EXPECT_EQ(run(op, "auto", DType::f32).to_vector<float>(), run(op, "winograd", DType::f32).to_vector<float>()) << op;
}

TEST_P(Winograd, DoesNotDependOnThreads) {
  const int before = num_threads();
  for (const char* op : kOps) {
    set_num_threads(1);
    const std::vector<float> one = run(op, "winograd", DType::f32).to_vector<float>();
    set_num_threads(3);
    EXPECT_EQ(run(op, "winograd", DType::f32).to_vector<float>(), one) << op;
  }
  set_num_threads(before);
}

INSTANTIATE_TEST_SUITE_P(Layers, Winograd, testing::ValuesIn(kLayers));

}  // namespace
}  // namespace farro
