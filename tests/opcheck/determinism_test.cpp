// SPDX-License-Identifier: Apache-2.0
// The same bits in every run and with any number of threads, forwards and backwards.
#include <farro/autograd/engine/engine.h>
#include <farro/core/parallel/parallel.h>
#include <farro/tests/opcheck/op_test.h>

namespace farro::opcheck {
namespace {

class Determinism : public OpTest {
 protected:
  // Outputs and gradients.
  Tensors everything(const Sample& sample, DType dtype, Device device) {
    const Tensors leaves =
        with_gradients(sample, make_inputs(sample, dtype, device).tensors, op().methods->no_backward ? 0 : ~0u);
    Tensors results = sample.run(leaves), wanted, connected;
    for (const Tensor& leaf : leaves)
      if (leaf.defined() && leaf.requires_grad()) wanted.push_back(leaf);
    for (const Tensor& output : results)
      if (output.requires_grad()) connected.push_back(output);
    if (connected.empty() || sample.grad == Grad::none) return results;
    Tensors seeds;
    for (const Tensor& output : connected)
      seeds.push_back(make_tensor(make_values(in(output.sizes()), output.dtype(), 5), output.sizes(), output.dtype(),
                                  device, Layout::contiguous));
    for (const Tensor& gradient : grad(connected, wanted, seeds, {.allow_unused = true})) results.push_back(gradient);
    return results;
  }
};

TEST_P(Determinism, TwoRunsAreEqual) {
  for (const Device& device : devices_of(op()))
    for_each_variant(op(), device, [&](const char* variant) {
      for (const Sample& sample : samples())
        for (DType dtype : list(sample.dtypes & dtype_set({DType::f32, DType::i64}))) {
          SCOPED_TRACE(str(describe(op_name(), sample, dtype, device, Layout::contiguous), " ", variant));
          if_supported(variant, [&] {
            EXPECT_EQ(difference(everything(sample, dtype, device), everything(sample, dtype, device)), "");
          });
        }
    });
}

TEST_P(Determinism, AnyNumberOfThreadsGivesTheSameBits) {
  struct Restore {
    int threads = num_threads();
    ~Restore() {
      set_num_threads(threads);
      limit_parallel_grain(INT64_MAX);
    }
  } restore;
  // One pass over all samples per number of threads: changing it makes OpenMP build a new team.
  const auto pass = [&](int threads) {
    set_num_threads(threads);
    std::vector<Tensors> results;
    for (const Sample& sample : samples())
      for (DType dtype : list(sample.dtypes & dtype_set({DType::f32, DType::i64})))
        results.push_back(everything(sample, dtype, Device::cpu()));
    return results;
  };
  const std::vector<Tensors> alone = pass(1);
  limit_parallel_grain(1);  // samples are small: make even them split
  for (int threads : {2, 3}) {
    const std::vector<Tensors> shared = pass(threads);
    size_t at = 0;
    for (const Sample& sample : samples())
      for (DType dtype : list(sample.dtypes & dtype_set({DType::f32, DType::i64}))) {
        SCOPED_TRACE(str(describe(op_name(), sample, dtype, Device::cpu(), Layout::contiguous), " threads ", threads));
        EXPECT_EQ(difference(alone[at], shared[at]), "");
        ++at;
      }
  }
}

INSTANTIATE_TEST_SUITE_P(Ops, Determinism, testing::ValuesIn(all_samples()), name_of);

}  // namespace
}  // namespace farro::opcheck
