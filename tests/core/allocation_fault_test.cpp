// SPDX-License-Identifier: Apache-2.0
// Memory that runs out at every moment of a training step in turn: a typed error, and the next step is as if nothing
// had happened.
#include <farro/core/storage/allocation_fault.h>
#include <farro/core/storage/cpu_allocator.h>
#include <farro/kernels/conv/conv.h>
#include <farro/kernels/loss/cross_entropy.h>
#include <farro/kernels/matmul/matmul.h>
#include <farro/kernels/pool/pool.h>
#include <farro/kernels/random/random.h>
#include <farro/optim/optimizers/adam.h>
#include <farro/optim/optimizers/sgd.h>

#include <farro/tests/autograd/support.h>

#include <iostream>

namespace farro {
namespace {

using namespace testing_support;

struct Net {
  std::vector<Tensor> params;
  std::function<Tensor(const std::vector<Tensor>&)> loss;
};

Net mlp() {
  manual_seed(1);
  Net net;
  net.params = {randn({40, 20}), zeros({40}), randn({5, 40}), zeros({5})};
  const Tensor x = randn({16, 20}), target = zeros({16}, {.dtype = DType::i64});
  net.loss = [=](const std::vector<Tensor>& p) {
    Tensor h = linear(x, p[0], p[1]);
    h.mul_(h.sigmoid());  // copies what it overwrites
    return cross_entropy(linear(h.relu(), p[2], p[3]), target);
  };
  return net;
}

Net cnn() {
  manual_seed(2);
  Net net;
  net.params = {randn({4, 1, 3, 3}), zeros({4}), randn({8, 4, 3, 3}), zeros({8}), randn({3, 32}), zeros({3})};
  const Tensor x = randn({4, 1, 8, 8}), target = zeros({4}, {.dtype = DType::i64});
  net.loss = [=](const std::vector<Tensor>& p) {
    const Tensor a = max_pool2d(conv2d(x, p[0], p[1], {.padding = {1}}).relu(), {.kernel_size = {2}});
    const Tensor b = max_pool2d(conv2d(a, p[2], p[3], {.padding = {1}}).relu(), {.kernel_size = {2}});
    return cross_entropy(linear(b.flatten(1), p[4], p[5]), target);
  };
  return net;
}

using MakeOptimizer = std::function<std::unique_ptr<optim::Optimizer>(const std::vector<Tensor>&)>;

std::vector<V> values_of(const std::vector<Tensor>& params) {
  std::vector<V> all;
  for (const Tensor& param : params) all.push_back(values(param));
  return all;
}

void fail_at_every_allocation(const Net& net, const MakeOptimizer& make) {
  struct Run {
    std::vector<Tensor> params;
    std::unique_ptr<optim::Optimizer> optimizer;
  };
  const auto start = [&] {
    Run run;
    for (const Tensor& param : net.params) run.params.push_back(param.clone().set_requires_grad());
    run.optimizer = make(run.params);
    return run;
  };
  const auto step = [&](Run& run) {
    run.optimizer->zero_grad();
    net.loss(run.params).backward();
    run.optimizer->step();
  };
  Run undisturbed = start();
  step(undisturbed);
  const std::vector<V> after_one = values_of(undisturbed.params);
  step(undisturbed);
  const std::vector<V> after_two = values_of(undisturbed.params);

  int64_t failures = 0;
  for (bool failed = true; failed; ++failures) {
    Run run = start();
    const std::vector<V> before = values_of(run.params);
    failed = false;
    try {
      const AllocationFault fault(failures);
      step(run);
    } catch (const OutOfMemoryError& error) {
      failed = true;
      EXPECT_NE(std::string(error.what()).find("out of memory: asked for "), std::string::npos) << error.what();
    }
    if (!failed) break;
    ASSERT_EQ(values_of(run.params), before) << "failure " << failures;
    step(run);
    ASSERT_EQ(values_of(run.params), after_one) << "failure " << failures;
    step(run);
    ASSERT_EQ(values_of(run.params), after_two) << "failure " << failures;
  }
  std::cout << failures << " failures\n";
  EXPECT_GT(failures, 30);
}

const MakeOptimizer kSgd = [](const auto& params) { return std::make_unique<optim::SGD>(params); };

TEST(AllocationFault, InAStepOfAnMlp) { fail_at_every_allocation(mlp(), kSgd); }
TEST(AllocationFault, InAStepOfACnn) { fail_at_every_allocation(cnn(), kSgd); }
// An optimizer keeps nothing of a step that failed: no new states, and no counts.
TEST(AllocationFault, InAStepWithState) {
  fail_at_every_allocation(mlp(), [](const auto& params) {
    return std::make_unique<optim::SGD>(params, optim::SGDOptions{.momentum = 0.9});
  });
  fail_at_every_allocation(mlp(), [](const auto& params) { return std::make_unique<optim::Adam>(params); });
  fail_at_every_allocation(mlp(), [](const auto& params) {
    return std::make_unique<optim::AdamW>(params, optim::AdamWOptions{.amsgrad = true});
  });
}

TEST(AllocationFault, CountsAndTellsTheFigures) {
  {
    const AllocationFault fault(2);
    const Tensor a = empty({4});  // a storage and a record
    EXPECT_EQ(fault.seen(), 2);
    EXPECT_THROW(empty({4}), OutOfMemoryError);
    const Tensor b = empty({4});
    EXPECT_EQ(fault.seen(), 5);
  }
  const AllocationFault fault(1);  // the record comes first
  const std::string text = error_of<OutOfMemoryError>([] { empty({100'000}); });
  // 400,000 bytes behind the record, which under AddressSanitizer has a guarded gap.
  const char* asked = kBypassCaches ? "400128" : "400064";
  EXPECT_TRUE(text.starts_with(str("out of memory: asked for ", asked, " bytes on cpu, "))) << text;
  EXPECT_NE(text.find(" bytes in use, "), std::string::npos) << text;
  EXPECT_NE(text.find(" cached, limit "), std::string::npos) << text;
}

TEST(AllocationFault, LeavesThePoolAsItWas) {
  for (int i = 0; i < 100; ++i) {
    std::vector<Tensor> kept;
    {
      const AllocationFault fault(-1);
      for (int k = 0; k < 1000; ++k) kept.push_back(empty({k % 50}));
    }
    for (int k = 0; k < 1000; ++k) kept.push_back(empty({k % 50}));
  }
}

}  // namespace
}  // namespace farro
