// SPDX-License-Identifier: Apache-2.0
// Modules of any signature: small real networks with several tensors in and out, seen by hooks, scopes, summaries and
// state dicts as modules of one tensor are.
#include <farro/autograd/engine/engine.h>
#include <farro/core/random/generator.h>
#include <farro/kernels/index/rearrange.h>
#include <farro/kernels/memory/factories.h>
#include <farro/kernels/pointwise/activation.h>
#include <farro/kernels/pointwise/arithmetic.h>
#include <farro/kernels/pointwise/unary.h>
#include <farro/kernels/random/random.h>
#include <farro/nn/layers/attention.h>
#include <farro/nn/layers/linear.h>
#include <farro/nn/layers/norm.h>
#include <farro/nn/module/containers.h>
#include <farro/nn/module/summary.h>

#include <gmock/gmock.h>

#include <map>

namespace farro::nn {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<double> values(const Tensor& t) { return t.to_vector<double>(); }

// --- what holds tensors

struct Inner {
  Tensor a;
  int64_t count = 0;
  std::vector<Tensor> more = {};
};
struct Outer {
  Inner inner;
  std::pair<Tensor, double> pair;
};
class Closed {
 public:
  explicit Closed(Tensor t) : hidden_(std::move(t)) {}
  auto fields() { return std::tie(hidden_); }

 private:
  Tensor hidden_;
};

TEST(TensorsOf, LooksIntoResultsOfEveryShape) {
  const Tensor a = tensor({1}), b = tensor({2}), c = tensor({3}), d = tensor({4});
  const auto flat = [](const auto& value) {
    std::vector<double> out;
    for (const Tensor& t : tensors_of(value)) out.push_back(t.defined() ? t.item() : -1);
    return out;
  };
  EXPECT_THAT(flat(a), ElementsAre(1));
  EXPECT_THAT(flat(std::tuple(a, 7, std::pair(b, c))), ElementsAre(1, 2, 3));
  EXPECT_THAT(flat(std::vector<Tensor>{c, Tensor(), d}), ElementsAre(3, -1, 4));
  EXPECT_THAT(flat(std::array<Tensor, 2>{b, a}), ElementsAre(2, 1));
  EXPECT_THAT(flat(Outer{{a, 3, {b, c}}, {d, 0.5}}), ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(flat(std::optional<Tensor>(d)), ElementsAre(4));
  EXPECT_THAT(flat(std::optional<Tensor>()), ElementsAre());
  EXPECT_THAT(flat(Closed(c)), ElementsAre(3));
  EXPECT_THAT(flat(std::map<std::string, int>()), ElementsAre());
  EXPECT_THAT(flat(AttentionInputs{.mask = a}), ElementsAre(1));
  EXPECT_FALSE((holds_tensors<std::tuple<int, std::vector<double>, std::string>>));
  EXPECT_TRUE((holds_tensors<const std::vector<Outer>&>));
}

// --- a variational autoencoder (Kingma & Welling 2014): one tensor in, three out

using VaeResult = std::tuple<Tensor, Tensor, Tensor>;
struct Vae : ModuleOf<VaeResult(const Tensor&)> {
  Linear encoder{*this, "encoder", {.in_features = 6, .out_features = 4}};
  Linear decoder{*this, "decoder", {.in_features = 2, .out_features = 6}};
  VaeResult forward(const Tensor& x) override {
    const Tensor both = encoder(x);
    const Tensor mean = both.narrow(-1, 0, 2), log_var = both.narrow(-1, 2, 2);
    const Tensor z = is_training() ? mean + exp(log_var * 0.5) * randn_like(mean) : mean;
    return {decoder(z), mean, log_var};
  }
};

TEST(ModuleOf, AnAutoencoderOfThreeOutputsTrains) {
  manual_seed(3);
  Vae vae;
  const Tensor x = randn({5, 6});
  const auto loss_of = [&] {
    const auto [decoded, mean, log_var] = vae(x);
    const Tensor kl = (mean * mean + exp(log_var) - log_var - 1).sum() * 0.5;
    return ((decoded - x) * (decoded - x)).sum() + kl;
  };
  loss_of().backward();
  for (const auto& [name, parameter] : vae.named_parameters()) EXPECT_TRUE(parameter.grad().defined()) << name;
  vae.eval();
  const auto [decoded, mean, log_var] = vae(x);
  EXPECT_EQ(values(decoded), values(vae.decoder(mean)));
  EXPECT_EQ(log_var.sizes(), (Shape{5, 2}));
}

TEST(ModuleOf, HooksSeeAllOutputsAndReplaceThem) {
  Vae vae;
  vae.eval();
  const Tensor x = randn({3, 6});
  const Tensor plain = std::get<0>(vae(x * 2));
  std::vector<Shape> seen;
  const uint64_t before =
      vae.register_forward_pre_hook([](ModuleBase&, std::vector<Tensor>& inputs) { inputs.at(0) = inputs.at(0) * 2; });
  const uint64_t after = vae.register_forward_hook(
      [&](ModuleBase& module, const std::vector<Tensor>& inputs, std::vector<Tensor>& outputs) {
        EXPECT_EQ(&module, &vae);
        EXPECT_EQ(values(inputs.at(0)), values(x * 2));  // what forward() got
        for (const Tensor& output : outputs) seen.push_back(output.sizes());
        outputs[1] = outputs[1] * 0;
      });
  const auto [decoded, mean, log_var] = vae(x);
  EXPECT_THAT(seen, ElementsAre(Shape{3, 6}, Shape{3, 2}, Shape{3, 2}));
  EXPECT_EQ(values(decoded), values(plain));
  EXPECT_EQ(values(mean), std::vector<double>(6, 0));
  vae.remove_hook(before);
  vae.remove_hook(after);
  EXPECT_NE(values(std::get<1>(vae(x))), std::vector<double>(6, 0));
  vae.register_forward_hook(
      [](ModuleBase&, const std::vector<Tensor>&, std::vector<Tensor>& outputs) { outputs.pop_back(); });
  try {
    vae(x);
    FAIL();
  } catch (const ValueError& error) {
    EXPECT_THAT(error.what(), HasSubstr("Vae: outputs of a forward hook must stay 3 tensors, got 2"));
  }
}

// --- a Transformer decoder layer (Vaswani et al. 2017) with a memory: two tensors and a mask in, one out

struct DecoderLayer : ModuleOf<Tensor(const Tensor&, const Tensor&, const AttentionInputs&)> {
  using Options = MultiheadAttentionOptions;
  DecoderLayer(Parent parent, std::string_view name, const Options& o)
      : ModuleOf(parent, name), self_attn(*this, "self_attn", o), multihead_attn(*this, "multihead_attn", o) {}
  MultiheadAttention self_attn;
  MultiheadAttention multihead_attn;
  LayerNorm norm1{*this, "norm1", {.normalized_shape = 8}};
  LayerNorm norm2{*this, "norm2", {.normalized_shape = 8}};
  Linear linear1{*this, "linear1", {.in_features = 8, .out_features = 16}};
  Linear linear2{*this, "linear2", {.in_features = 16, .out_features = 8}};
  LayerNorm norm3{*this, "norm3", {.normalized_shape = 8}};
  std::string scope;

  Tensor forward(const Tensor& x, const Tensor& memory, const AttentionInputs& inputs) override {
    scope = scope_path();
    Tensor y = norm1(x + self_attn(x, inputs));
    y = norm2(y + multihead_attn(y, memory, memory));
    return norm3(y + linear2(relu(linear1(y))));
  }
};
struct Decoder : ModuleOf<Tensor(const Tensor&, const Tensor&)> {
  ModuleList<DecoderLayer> layers{*this, "layers"};
  Decoder() {
    for (int i = 0; i < 2; ++i) layers.add({.embed_dim = 8, .num_heads = 2});
  }
  Tensor forward(const Tensor& x, const Tensor& memory) override {
    Tensor y = x;
    for (DecoderLayer& layer : layers) y = layer(y, memory, {.causal = true});
    return y;
  }
};

TEST(ModuleOf, ADecoderReadsItsMemoryAndNotTheFuture) {
  manual_seed(4);
  Decoder decoder;
  const Tensor x = randn({2, 5, 8}), memory = randn({2, 7, 8});
  const Tensor y = decoder(x, memory);
  EXPECT_EQ(y.sizes(), (Shape{2, 5, 8}));
  EXPECT_EQ(decoder.layers[1].scope, "Decoder.layers.1");
  Tensor later = x.clone();
  later.select(1, 4).fill_(9);
  EXPECT_EQ(values(decoder(later, memory).narrow(1, 0, 4)), values(y.narrow(1, 0, 4)));
  EXPECT_NE(values(decoder(x, memory * 2)), values(y));
  y.sum().backward();
  EXPECT_TRUE(decoder.layers[0].multihead_attn.in_proj_weight.grad().defined());
}

TEST(ModuleOf, PreHooksReachEveryArgument) {
  Decoder decoder;
  const Tensor x = randn({1, 3, 8}), memory = randn({1, 4, 8}), mask = tril(ones({3, 3})).to(DType::boolean);
  const Tensor expected = decoder.layers[0](x, memory * 3, {.mask = mask});
  std::vector<bool> defined;
  decoder.layers[0].register_forward_pre_hook([&](ModuleBase&, std::vector<Tensor>& inputs) {
    for (const Tensor& input : inputs) defined.push_back(input.defined());
    inputs[1] = inputs[1] * 3;
    inputs[2] = mask;  // AttentionInputs::mask, which was not given
  });
  const AttentionInputs none;
  EXPECT_EQ(values(decoder.layers[0](x, memory, none)), values(expected));
  EXPECT_THAT(defined, ElementsAre(true, true, false));
  EXPECT_FALSE(none.mask.defined());  // the caller's is as it was
}

TEST(ModuleOf, HooksOfAttentionSeeQueryKeyAndValue) {
  MultiheadAttention attn(root, "attn", {.embed_dim = 8, .num_heads = 2});
  const Tensor q = randn({1, 3, 8}), k = randn({1, 4, 8});
  size_t count = 0;
  attn.register_forward_pre_hook([&](ModuleBase&, std::vector<Tensor>& inputs) { count = inputs.size(); });
  attn(q, k, k);
  EXPECT_EQ(count, 4u);  // and the mask
  attn(q);
  EXPECT_EQ(count, 2u);
  attn.register_forward_hook([](Module&, const Tensor& x, const Tensor& y) { return x + y * 0; });
  EXPECT_EQ(values(attn(q, k, k)), values(q));
}

TEST(ModuleOf, ErrorsStatesAndModes) {
  Decoder decoder;
  try {
    decoder(randn({2, 5, 8}), randn({2, 5, 7}));
    FAIL();
  } catch (const ShapeError& error) {
    EXPECT_THAT(error.what(), HasSubstr("in Decoder.layers.0.multihead_attn"));
  }
  Decoder other;
  other.clone_from(decoder);
  EXPECT_THAT(decoder.named_parameters()[0].first, "layers.0.self_attn.in_proj_weight");
  const Tensor x = randn({1, 2, 8});
  EXPECT_EQ(values(other(x, x)), values(decoder(x, x)));
  decoder.eval();
  EXPECT_FALSE(decoder.layers[1].norm3.is_training());
}

TEST(ModuleOf, SummariesHaveRowsOfAllOutputs) {
  Vae vae;
  const Summary s = summary(vae, [&] { vae(empty({3, 6}, {.device = Device::meta()})); });
  EXPECT_THAT(s.root().outputs, ElementsAre(Shape{3, 6}, Shape{3, 2}, Shape{3, 2}));
  EXPECT_EQ(s.root().output, (Shape{3, 6}));
  EXPECT_THAT(to_string(s), HasSubstr("[3, 6], [3, 2], [3, 2]"));
  Decoder decoder;
  const auto meta = [](const Shape& sizes) { return empty(sizes, {.device = Device::meta()}); };
  const Summary d = summary(decoder, [&] { decoder(meta({2, 5, 8}), meta({2, 7, 8})); });
  EXPECT_EQ(d.rows[2].path, "layers.0");
  EXPECT_EQ(d.rows[2].calls, 1);
  EXPECT_EQ(d.rows[2].output, (Shape{2, 5, 8}));
  EXPECT_GT(d.rows[2].cost.flops, 0);
}

// --- what else a signature may have: lists, numbers, values passed by copy, references to change

struct Mixed : ModuleOf<std::vector<Tensor>(std::vector<Tensor>, int64_t, Tensor&)> {
  std::vector<Tensor> forward(std::vector<Tensor> list, int64_t times, Tensor& state) override {
    state = state + 1;
    for (Tensor& each : list) each = each * times;
    return list;
  }
};

TEST(ModuleOf, ListsNumbersAndStateInPlace) {
  for (const bool hooked : {false, true}) {
    Mixed mixed;
    size_t inputs_seen = 0;
    if (hooked)
      mixed.register_forward_pre_hook(
          [&](ModuleBase&, const std::vector<Tensor>& inputs) { inputs_seen = inputs.size(); });
    Tensor state = tensor({5});
    const std::vector<Tensor> out = mixed({tensor({1}), tensor({2})}, 3, state);
    EXPECT_EQ(out.at(1).item(), 6);
    EXPECT_EQ(state.item(), 6);
    EXPECT_EQ(inputs_seen, hooked ? 3u : 0u);
  }
}

// Without overriding forward() a Module is a group of others.
TEST(ModuleOf, AModuleWithoutForwardSaysSo) {
  struct Group : Module {
    Linear fc{*this, "fc", {.in_features = 2, .out_features = 2}};
  } group;
  EXPECT_EQ(group.num_parameters(), 6);
  EXPECT_THROW(group(ones({1, 2})), NotImplementedError);
}

}  // namespace
}  // namespace farro::nn
