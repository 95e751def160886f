// SPDX-License-Identifier: Apache-2.0
// recompute() and mixed precision: the function runs again in the precision of its first run, wherever backward is
// called.
#include <farro/autograd/call/autocast.h>
#include <farro/autograd/engine/recompute.h>
#include <farro/kernels/matmul/matmul.h>
#include <farro/kernels/pointwise/activation.h>
#include <farro/kernels/random/random.h>

#include <farro/tests/autograd/support.h>

#include <optional>

namespace farro {
namespace {

using namespace testing_support;

struct Scope {
  std::optional<DType> dtype;  // none: no scope
  bool enabled = true;
};
struct Gradients {
  V x, w;
  std::vector<DType> seen;  // of the products, in every run
  bool operator==(const Gradients& other) const { return x == other.x && w == other.w; }
};

Gradients run(bool checkpointed, Scope forward, Scope backward) {
  manual_seed(5);
  const Tensor x = randn({4, 8}).set_requires_grad(), w = randn({8, 8}).set_requires_grad();
  Gradients found;
  const auto function = [&](const Tensor& in) {
    const Tensor h = relu(matmul(in, w));
    found.seen.push_back(h.dtype());
    return matmul(h, w) * h;
  };
  Tensor loss;
  {
    std::optional<autocast> scope;
    if (forward.dtype) scope.emplace(*forward.dtype, forward.enabled);
    const Tensor y = checkpointed ? recompute(function, x) : function(x);
    loss = y.to(DType::f32).sum();
  }
  {
    std::optional<autocast> scope;
    if (backward.dtype) scope.emplace(*backward.dtype, backward.enabled);
    loss.backward();
  }
  found.x = values(x.grad());
  found.w = values(w.grad());
  return found;
}

TEST(CheckpointPrecision, IsThatOfTheFirstRun) {
  const Scope scopes[] = {{}, {DType::bf16}, {DType::f16}, {DType::bf16, false}};
  for (size_t i = 0; i < 4; ++i)
    for (size_t j = 0; j < 4; ++j) {
      SCOPED_TRACE(str(i, " ", j));
      const Gradients want = run(false, scopes[i], scopes[j]), got = run(true, scopes[i], scopes[j]);
      EXPECT_TRUE(got == want);
      const DType dtype = i == 1 ? DType::bf16 : i == 2 ? DType::f16 : DType::f32;
      EXPECT_EQ(got.seen, (std::vector<DType>{dtype, dtype}));
    }
}

}  // namespace
}  // namespace farro
