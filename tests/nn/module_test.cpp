// SPDX-License-Identifier: Apache-2.0
// Modules: registration, names, scopes, hooks, moving and exchanging weights.
#include <farro/autograd/node/grad_mode.h>
#include <farro/kernels/memory/factories.h>
#include <farro/kernels/pointwise/arithmetic.h>
#include <farro/nn/module/containers.h>

#include <gmock/gmock.h>

namespace farro::nn {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct Scale : Module {
  struct Options {
    double factor = 1;
    bool bias = true;
  };
  Scale(Parent parent, std::string_view name, const Options& options)
      : Module(parent, name),
        factor(*this, "factor", tensor({options.factor, options.factor})),
        bias(*this, "bias", options.bias ? zeros({2}) : Tensor()),
        calls(*this, "calls", zeros({}, {.dtype = DType::i64})) {}
  Tensor forward(const Tensor& x) override {
    seen_scope = scope_path();
    calls.add_(1);
    return bias.defined() ? x * factor + bias : x * factor;
  }
  Parameter factor;
  Parameter bias;
  Buffer calls;
  std::string seen_scope;
};

struct Inner : Module {
  Inner(Parent parent, std::string_view name) : Module(parent, name) {}
  Scale a{*this, "a", {.factor = 2}};
  Scale b{*this, "b", {.factor = 3, .bias = false}};
  Tensor forward(const Tensor& x) override { return b(a(x)); }
};

struct Net : Module {
  Inner inner{*this, "inner"};
  ModuleList<Scale> blocks{*this, "blocks"};
  Net() {
    blocks.add({.factor = 5});
    blocks.add({.factor = 7});
  }
  Tensor forward(const Tensor& x) override { return blocks[1](blocks[0](inner(x))); }
};

std::vector<std::string> names(const NamedTensors& named) {
  std::vector<std::string> out;
  for (const auto& [name, tensor] : named) out.push_back(name);
  return out;
}

TEST(Module, MembersRegisterUnderDottedNames) {
  Net net;
  EXPECT_THAT(names(net.named_parameters()),
              ElementsAre("inner.a.factor", "inner.a.bias", "inner.b.factor", "blocks.0.factor", "blocks.0.bias",
                          "blocks.1.factor", "blocks.1.bias"));
  EXPECT_THAT(names(net.named_buffers()),
              ElementsAre("inner.a.calls", "inner.b.calls", "blocks.0.calls", "blocks.1.calls"));
  EXPECT_EQ(net.num_parameters(), 14);
  EXPECT_EQ(net.modules().size(), 7u);
  EXPECT_EQ(net.blocks[1].path(), "blocks.1");
  EXPECT_EQ(net.inner.type_name(), "Inner");
  EXPECT_TRUE(net.inner.a.factor.requires_grad());
}

TEST(Module, CallsRunInTheScopeOfTheirPath) {
  Net net;
  EXPECT_EQ(net(tensor({1, 1})).to_vector<double>(), (std::vector<double>{210, 210}));
  EXPECT_EQ(net.inner.a.seen_scope, "Net.inner.a");
  EXPECT_EQ(net.blocks[1].seen_scope, "Net.blocks.1");
  net.inner.a(tensor({1, 1}));  // not from its parent's forward
  EXPECT_EQ(net.inner.a.seen_scope, "Net.inner.a");
  EXPECT_EQ(scope_path(), "");
}

TEST(Module, ErrorsNameThePath) {
  Net net;
  try {
    net(tensor({1, 2, 3}));
    FAIL();
  } catch (const ShapeError& error) {
    EXPECT_THAT(error.what(), HasSubstr("in Net.inner.a"));
  }
}

TEST(Module, HooksReplaceInputAndOutput) {
  Net net;
  const uint64_t pre = net.inner.register_forward_pre_hook([](Module&, const Tensor& x) { return x * 10; });
  const uint64_t post = net.inner.register_forward_hook([](Module& module, const Tensor&, const Tensor& y) {
    EXPECT_EQ(module.name(), "inner");
    return y + 1;
  });
  const Tensor x = tensor({1, 1});
  EXPECT_EQ(net.inner(x).to_vector<double>(), (std::vector<double>{61, 61}));
  net.inner.remove_hook(pre);
  net.inner.remove_hook(post);
  EXPECT_EQ(net.inner(x).to_vector<double>(), (std::vector<double>{6, 6}));
}

TEST(Module, TrainAndZeroGradReachAllChildren) {
  Net net;
  net.eval();
  EXPECT_FALSE(net.blocks[0].is_training());
  net(tensor({1, 1})).backward(tensor({1, 1}));
  EXPECT_EQ(net.inner.b.factor.grad().to_vector<double>(), (std::vector<double>{70, 70}));
  net.zero_grad(false);
  EXPECT_EQ(net.inner.b.factor.grad().to_vector<double>(), (std::vector<double>{0, 0}));
  net.zero_grad();
  EXPECT_FALSE(net.inner.b.factor.grad().defined());
}

TEST(Module, StateDictCopiesBetweenModels) {
  Net a, b;
  {
    const no_grad guard;
    for (Tensor parameter : a.parameters()) parameter.fill_(0.5);
  }
  b.clone_from(a);
  EXPECT_EQ(b.blocks[1].factor.to_vector<double>(), (std::vector<double>{0.5, 0.5}));
  EXPECT_EQ(a.state_dict().size(), 11u);
}

TEST(Module, LoadingNamesWhatDoesNotFitAndChangesNothing) {
  Net net;
  StateDict state;
  for (const auto& [name, value] : Net().state_dict())
    if (name != "inner.a.bias") state.set(name, name == "inner.b.factor" ? ones({3}) : value * 0);
  state.set("inner.a.bais", zeros({2}));
  try {
    net.load_state_dict(state);
    FAIL();
  } catch (const ValueError& error) {
    EXPECT_STREQ(error.what(),
                 "load_state_dict: state must have the names and shapes of Net, got\n"
                 "  missing: inner.a.bias (nearest: inner.a.bais)\n"
                 "  unexpected: inner.a.bais (nearest: inner.a.bias)\n"
                 "  mis-shaped: inner.b.factor must have shape [2], got [3]");
  }
  EXPECT_EQ(net.inner.a.factor.to_vector<double>(), (std::vector<double>{2, 2}));
  const LoadReport report = net.load_state_dict(state, LoadMode::lenient);
  EXPECT_EQ(report.missing.size(), 1u);
  EXPECT_EQ(report.misshaped.size(), 1u);
  EXPECT_EQ(net.inner.a.factor.to_vector<double>(), (std::vector<double>{0, 0}));
}

TEST(Module, ToKeepsHandlesAndGradients) {
  Net net;
  const Tensor held = net.inner.a.factor;
  net(tensor({1, 1})).backward(tensor({1, 1}));
  net.to(DType::f64);
  EXPECT_EQ(held.dtype(), DType::f64);
  EXPECT_EQ(held.grad().dtype(), DType::f64);
  EXPECT_EQ(net.inner.a.calls.dtype(), DType::i64);
  net.zero_grad();
  net(tensor({1, 1}).to(DType::f64)).backward(tensor({1, 1}).to(DType::f64));
  EXPECT_EQ(held.grad().to_vector<double>(), (std::vector<double>{105, 105}));
  EXPECT_THROW(net.to(DType::i64), DTypeError);
}

TEST(Module, NamesMustBeNewAndPlain) {
  Net net;
  EXPECT_THROW(Scale(net, "inner", {}), ValueError);
  EXPECT_THROW(Scale(net, "a.b", {}), ValueError);
  EXPECT_THROW(net.register_parameter("inner", zeros({1})), ValueError);
  EXPECT_EQ(net.children().size(), 2u);
}

TEST(Module, SequentialOwnsAndRunsInOrder) {
  Sequential net;
  net.add<Scale>("first", {.factor = 2});
  net.add<Scale>({.factor = 3});
  EXPECT_THAT(names(net.named_parameters()), ElementsAre("first.factor", "first.bias", "1.factor", "1.bias"));
  EXPECT_EQ(net(tensor({1, 1})).to_vector<double>(), (std::vector<double>{6, 6}));
  EXPECT_THROW(net[2], IndexError);
  std::string order;
  for (const Module& module : net) order += module.name() + " ";
  EXPECT_EQ(order, "first 1 ");
}

TEST(StateDict, PrefixesAndNumbers) {
  StateDict state, model;
  model.set("w", ones({2}));
  state.add("model", model);
  state.set_number("optimizer.lr", 0.1);
  state.set_number("optimizer.step", 12);
  EXPECT_EQ(state.below("optimizer").number("lr"), 0.1);
  EXPECT_EQ(state.below("optimizer").integer("step"), 12);
  EXPECT_EQ(state.below("model").size(), 1u);
  EXPECT_THROW(state.at("model.v"), ValueError);
}

}  // namespace
}  // namespace farro::nn
