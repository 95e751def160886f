// SPDX-License-Identifier: Apache-2.0
// What an op promises around its values: error texts, infer() on meta tensors, cost formulas, and that all of it is
// tested.
#include <farro/autograd/node/grad_mode.h>
#include <farro/core/op/call_listener.h>
#include <farro/tests/opcheck/op_test.h>

#include <cmath>
#include <set>

namespace farro::opcheck {
namespace {

class Contract : public OpTest {};

TEST_P(Contract, ErrorsHaveTheirTypeAndText) {
  for (const ErrorSample& sample : GetParam().errors) {
    SCOPED_TRACE(sample.message);
    try {
      sample.run();
      ADD_FAILURE() << op_name() << ": nothing was thrown";
    } catch (const Error& error) {
      EXPECT_STREQ(error.kind(), sample.kind.c_str());
      EXPECT_EQ(error.what(), sample.message);
    }
  }
}

// infer() alone must know sizes, dtype and strides.
TEST_P(Contract, MetaTensorsPredictTheOutputs) {
  const no_grad guard;
  for (const Sample& sample : samples()) {
    if (sample.needs_values) continue;
    for (DType dtype : list(sample.dtypes))
      for (Layout layout : {Layout::contiguous, Layout::transposed, Layout::channels_last}) {
        SCOPED_TRACE(describe(op_name(), sample, dtype, Device::meta(), layout));
        const Tensors real = sample.run(make_inputs(sample, dtype, Device::cpu(), layout).tensors);
        const Tensors meta = sample.run(make_inputs(sample, dtype, Device::meta(), layout).tensors);
        ASSERT_EQ(real.size(), meta.size());
        for (size_t i = 0; i < real.size(); ++i) {
          EXPECT_EQ(real[i].sizes(), meta[i].sizes());
          EXPECT_EQ(real[i].strides(), meta[i].strides());
          EXPECT_EQ(real[i].dtype(), meta[i].dtype());
        }
      }
  }
}

// Notes the cost of every call of one op.
class CostListener final : public CallListener {
 public:
  explicit CostListener(std::string op) : op_(std::move(op)) { add_call_listener(*this); }
  ~CostListener() override { remove_call_listener(*this); }
  void begin(const CallEvent& event) noexcept override {
    if (event.name() != op_) return;
    costs.push_back(event.cost);
    if (op_ == "index_put") return;  // writes a part of its output
    double written = 0;
    for (const Tensor& output : event.outputs) written += static_cast<double>(output.nbytes());
    EXPECT_GE(event.cost.bytes, written) << "outputs are written: " << event.describe();
  }
  void end(const CallEvent&) noexcept override {}

  std::vector<Cost> costs;

 private:
  std::string op_;
};

TEST_P(Contract, SamplesCallTheOpAndItKnowsItsCost) {
  const no_grad guard;
  if (GetParam().kind == SampleKind::function || is_view(op())) return;
  double most = 0;
  for (const Sample& sample : samples()) {
    SCOPED_TRACE(sample.label);
    std::vector<Tensors> inputs;  // made before anyone listens
    for (DType dtype : list(sample.dtypes)) inputs.push_back(make_inputs(sample, dtype, Device::cpu()).tensors);
    CostListener listener(op_name());
    for (const Tensors& in : inputs) sample.run(in);
    EXPECT_FALSE(listener.costs.empty()) << "this sample never calls " << op_name();
    for (const Cost& cost : listener.costs) {
      EXPECT_TRUE(std::isfinite(cost.flops) && std::isfinite(cost.bytes) && cost.flops >= 0 && cost.bytes >= 0);
      most = std::max({most, cost.flops, cost.bytes});
    }
  }
  EXPECT_GT(most, 0) << "cost() is always zero";
}

INSTANTIATE_TEST_SUITE_P(Ops, Contract, testing::ValuesIn(all_samples()), name_of);

TEST(Completeness, EveryOpHasSamples) {
  std::set<std::string> sampled;
  for (const OpSamples& samples : all_samples())
    if (!samples.samples.empty()) sampled.insert(samples.op);
  for (const OpEntry& op : all_ops())
    EXPECT_TRUE(sampled.count(op.info().name))
        << op.info().name << " has no samples: add tests/ops/<family>/<file>.samples.cpp";
}

TEST(Completeness, EveryAbsentGradientHasAReason) {
  for (const OpEntry& op : all_ops())
    if (op.methods->no_backward) {
      EXPECT_GT(std::string_view(op.methods->no_backward).size(), 10u) << op.info().name;
    }
}

}  // namespace
}  // namespace farro::opcheck
