// SPDX-License-Identifier: Apache-2.0
// Model summaries: shapes and costs without computing, and nothing changed afterwards.
#include <farro/core/op/call_listener.h>
#include <farro/core/random/generator.h>
#include <farro/kernels/memory/factories.h>
#include <farro/nn/layers/batch_norm.h>
#include <farro/nn/layers/conv.h>
#include <farro/nn/layers/dropout.h>
#include <farro/nn/layers/linear.h>
#include <farro/nn/layers/pool.h>
#include <farro/nn/module/containers.h>
#include <farro/nn/module/summary.h>

#include <gmock/gmock.h>

namespace farro::nn {
namespace {

using ::testing::HasSubstr;

struct Small : Module {
  Sequential body{*this, "body"};
  Linear head{*this, "head", {.in_features = 16, .out_features = 10}};
  Small() {
    body.add<Conv2d>("conv", {.in_channels = 1, .out_channels = 4, .kernel_size = 3, .padding = 1});
    body.add<AdaptiveAvgPool2d>("pool", {.output_size = 2});
    body.add<Flatten>("flat");
    body.add<Dropout>("drop", {.p = 0.5});
  }
  Tensor forward(const Tensor& x) override { return head(body(x)); }
};

TEST(Summary, CountsWhatAForwardPassCosts) {
  Small net;
  const std::vector<double> weights = net.head.weight.to_vector<double>();
  const PhiloxState random = default_generator().state();
  const Summary s = summary(net, {3, 1, 8, 8});
  EXPECT_EQ(s.rows.size(), 7u);
  EXPECT_EQ(s.root().output, (Shape{3, 10}));
  EXPECT_EQ(s.root().parameters, 4 * 9 + 4 + 160 + 10);
  EXPECT_EQ(s.trainable_parameters, s.root().parameters);
  const SummaryRow& conv = s.rows[2];
  EXPECT_EQ(conv.path, "body.conv");
  EXPECT_EQ(conv.output, (Shape{3, 4, 8, 8}));
  EXPECT_GE(conv.cost.flops, 2.0 * 9 * 3 * 4 * 64);
  EXPECT_EQ(conv.activation_bytes, 3 * 4 * 64 * 4);
  const SummaryRow& head = s.rows[6];
  EXPECT_GE(head.cost.flops, 2.0 * 3 * 160);
  EXPECT_GE(s.root().cost.flops, conv.cost.flops + head.cost.flops);
  EXPECT_THAT(to_string(s), HasSubstr("    body.conv  Conv2d"));

  // As before: weights, random numbers, hooks, gradients.
  EXPECT_EQ(net.head.weight.to_vector<double>(), weights);
  EXPECT_EQ(default_generator().state(), random);
  EXPECT_TRUE(net.head.weight.device().is_cpu());
  net(ones({1, 1, 8, 8})).backward(ones({1, 10}));
  EXPECT_TRUE(net.body[0].parameters()[0].grad().defined());
}

TEST(Summary, AnErrorLeavesTheModelUsable) {
  Small net;
  EXPECT_THROW(summary(net, {3, 2, 8, 8}), ShapeError);
  EXPECT_TRUE(net.head.weight.device().is_cpu());
  EXPECT_EQ(net(ones({1, 1, 8, 8})).sizes(), (Shape{1, 10}));
  EXPECT_EQ(farro::detail::call_listeners.load(), 0);
}

TEST(Summary, ABatchNormOverAllBatchesHasOneToo) {
  Sequential net;
  net.add<BatchNorm2d>("bn", {.num_features = 3, .momentum = std::nullopt});
  EXPECT_EQ(summary(net, {2, 3, 4, 4}).root().parameters, 6);
}

TEST(Summary, AModelMadeOnMetaNeedsNoMemory) {
  const DefaultDeviceGuard meta(Device::meta());
  Sequential big;
  big.add<Linear>("fc", {.in_features = 1 << 20, .out_features = 1 << 20});
  EXPECT_EQ(summary(big, {1, 1 << 20}).root().parameters, (int64_t{1} << 40) + (1 << 20));
}

}  // namespace
}  // namespace farro::nn
