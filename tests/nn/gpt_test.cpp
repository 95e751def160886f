// SPDX-License-Identifier: Apache-2.0
// Attention, embeddings and the small GPT made of them.
#include <farro/autograd/node/grad_mode.h>
#include <farro/kernels/loss/cross_entropy.h>
#include <farro/kernels/memory/factories.h>
#include <farro/kernels/pointwise/arithmetic.h>
#include <farro/kernels/random/random.h>
#include <farro/nn/models/gpt.h>
#include <farro/nn/module/summary.h>
#include <farro/optim/optimizers/adam.h>

#include <gmock/gmock.h>

namespace farro::nn {
namespace {

using ::testing::DoubleNear;
using ::testing::Pointwise;

std::vector<double> values(const Tensor& t) { return t.to_vector<double>(); }

struct Float64 : ::testing::Test {
  DefaultDTypeGuard guard{DType::f64};
};
using Attention = Float64;

TEST_F(Attention, NamesArePyTorchs) {
  const MultiheadAttention attention(root, "attn", {.embed_dim = 8, .num_heads = 2});
  std::string names;
  for (const auto& [name, tensor] : attention.state_dict()) names += str(name, tensor.sizes(), " ");
  EXPECT_EQ(names, "in_proj_weight[24, 8] in_proj_bias[24] out_proj.weight[8, 8] out_proj.bias[8] ");
  EXPECT_THROW(MultiheadAttention(root, "attn", {.embed_dim = 8, .num_heads = 3}), ValueError);
}

TEST_F(Attention, OneTensorOrThreeGiveTheSame) {
  manual_seed(1);
  MultiheadAttention attention(root, "attn", {.embed_dim = 8, .num_heads = 2});
  const Tensor x = randn({2, 5, 8});
  EXPECT_THAT(values(attention(x, x.clone(), x.clone())), Pointwise(DoubleNear(1e-12), values(attention(x))));
  EXPECT_EQ(attention(randn({2, 3, 8}), x, x).sizes(), (Shape{2, 3, 8}));
  EXPECT_THROW(attention(randn({2, 5, 7})), ShapeError);
}

TEST_F(Attention, ACausalPositionSeesNothingLater) {
  manual_seed(2);
  MultiheadAttention attention(root, "attn", {.embed_dim = 4, .num_heads = 2});
  const Tensor x = randn({1, 6, 4});
  const Tensor changed = x.clone();
  changed.narrow(1, 3, 3).fill_(9);
  const Tensor a = attention(x, {.causal = true}), b = attention(changed, {.causal = true});
  EXPECT_EQ(values(a.narrow(1, 0, 3)), values(b.narrow(1, 0, 3)));
  EXPECT_NE(values(a.narrow(1, 3, 1)), values(b.narrow(1, 3, 1)));
  // A mask can say the same.
  const Tensor may_attend = arange(6) <= arange(6).unsqueeze(1);
  EXPECT_THAT(values(attention(x, {.mask = may_attend})), Pointwise(DoubleNear(1e-12), values(a)));
}

TEST_F(Attention, TheFormulaWithDropoutIsTheKernels) {
  manual_seed(5);
  // So little dropout that nothing is dropped.
  MultiheadAttention attention(root, "attn", {.embed_dim = 4, .num_heads = 2, .dropout = 1e-12});
  const Tensor x = randn({2, 6, 4}), mask = randn({6, 6});
  const Tensor none_for_two = arange(6).unsqueeze(1) != full({6}, 2.0);  // position 2 may see nothing
  for (const AttentionInputs& inputs :
       {AttentionInputs{.causal = true}, AttentionInputs{.mask = mask}, AttentionInputs{.mask = none_for_two}}) {
    attention.train();
    const std::vector<double> formula = values(attention(x, inputs));
    attention.eval();
    EXPECT_THAT(values(attention(x, inputs)), Pointwise(DoubleNear(1e-10), formula));
  }
}

TEST_F(Attention, DropoutActsInTrainingOnly) {
  manual_seed(3);
  MultiheadAttention attention(root, "attn", {.embed_dim = 4, .num_heads = 2, .dropout = 0.5});
  const Tensor x = randn({1, 6, 4});
  EXPECT_NE(values(attention(x)), values(attention(x)));
  attention.eval();
  EXPECT_EQ(values(attention(x)), values(attention(x)));
}

TEST(Embedding, LooksUpRows) {
  Embedding table(root, "table", {.num_embeddings = 4, .embedding_dim = 2});
  const Tensor indices = tensor(std::vector<int64_t>{3, 0, 3, 1}, {2, 2});
  const Tensor rows = table(indices);
  EXPECT_EQ(rows.sizes(), (Shape{2, 2, 2}));
  EXPECT_EQ(values(rows[1][0]), values(table.weight[3]));
  rows.sum().backward();
  EXPECT_EQ(values(table.weight.grad()), (std::vector<double>{1, 1, 1, 1, 0, 0, 2, 2}));
  EXPECT_THROW(Embedding(root, "table", {.num_embeddings = 4}), ValueError);
}

TEST(Embedding, ThePaddingRowStaysZero) {
  Embedding table(root, "table", {.num_embeddings = 3, .embedding_dim = 2, .padding_idx = 1});
  const Tensor rows = table(tensor(std::vector<int64_t>{1, 2}));
  EXPECT_EQ(values(rows[0]), (std::vector<double>{0, 0}));
  rows.sum().backward();
  EXPECT_EQ(values(table.weight.grad()), (std::vector<double>{0, 0, 0, 0, 1, 1}));
}

TEST(GPT, LearnsASequenceByHeart) {
  manual_seed(4);
  GPT net({.vocab_size = 7, .block_size = 12, .layers = 2, .heads = 2, .embed_dim = 16});
  const Tensor tokens = randint(0, 7, {1, 13});
  const Tensor input = tokens.narrow(1, 0, 12).contiguous(), target = tokens.narrow(1, 1, 12).flatten();
  optim::Adam adam(net.parameters(), {.lr = 0.01});
  double first = 0, last = 0;
  for (int step = 0; step < 80; ++step) {
    adam.zero_grad();
    const Tensor loss = cross_entropy(net(input).flatten(0, 1), target);
    loss.backward();
    adam.step();
    last = loss.item();
    if (step == 0) first = last;
  }
  EXPECT_NEAR(first, std::log(7.0), 0.1);
  EXPECT_LT(last, 0.1);
}

TEST(GPT, SummaryCountsItsParametersOnce) {
  GPT net({.vocab_size = 65, .block_size = 64, .layers = 3, .heads = 4, .embed_dim = 32});
  const int64_t e = 32, block = 4 * e + 3 * e * e + 3 * e + e * e + e + 2 * 4 * e * e + 5 * e;
  EXPECT_EQ(net.num_parameters(), 65 * e + 64 * e + 3 * block + 2 * e);
  const Summary s = summary(net, {2, 64}, DType::i64);
  EXPECT_EQ(s.root().output, (Shape{2, 64, 65}));
  EXPECT_EQ(net.blocks[1].attn.out_proj.path(), "blocks.1.attn.out_proj");
  EXPECT_THROW(net(zeros({1, 65}, {.dtype = DType::i64})), ShapeError);
}

}  // namespace
}  // namespace farro::nn
