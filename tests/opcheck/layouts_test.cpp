// SPDX-License-Identifier: Apache-2.0
// Results do not depend on how inputs lie in memory: strided, at an offset, expanded, channels-last; and nothing is
// written there.
#include <farro/autograd/node/grad_mode.h>
#include <farro/tests/opcheck/op_test.h>

namespace farro::opcheck {
namespace {

class Layouts : public OpTest {};

// One dtype of each size class is enough: layouts and dtypes are handled apart.
std::vector<DType> sampled_dtypes(const Sample& sample) {
  std::vector<DType> dtypes;
  for (DType dtype : {DType::f32, DType::bf16, DType::i64})
    if (sample.dtypes >> static_cast<int>(dtype) & 1) dtypes.push_back(dtype);
  return dtypes.empty() ? list(sample.dtypes) : dtypes;
}

TEST_P(Layouts, AnyLayoutGivesTheSameBits) {
  const no_grad guard;
  for (const Device& device : devices_of(op()))
    for_each_variant(op(), device, [&](const char* variant) {
      for (const Sample& sample : samples())
        for (DType dtype : sampled_dtypes(sample)) {
          if_supported(variant, [&] {
            const Tensors plain = sample.run(make_inputs(sample, dtype, device).tensors);
            for (Layout layout : kLayouts) {
              SCOPED_TRACE(str(describe(op_name(), sample, dtype, device, layout), " ", variant));
              const Tensors inputs = make_inputs(sample, dtype, device, layout).tensors;
              const auto before = storage_bytes(inputs);
              EXPECT_EQ(difference(plain, sample.run(inputs)), "");
              EXPECT_TRUE(before == storage_bytes(inputs)) << "an input, or what lies around it, changed";
            }
          });
        }
    });
}

// Every input with its first dimension of size > 1 repeated from one slice (stride 0).
TEST_P(Layouts, ExpandedInputsGiveTheSameBits) {
  const no_grad guard;
  for (const Device& device : devices_of(op()))
    for (const Sample& sample : samples()) {
      const DType dtype = sampled_dtypes(sample)[0];
      SCOPED_TRACE(describe(op_name(), sample, dtype, device, Layout::contiguous));
      Tensors expanded, dense;
      for (const Tensor& input : make_inputs(sample, dtype, device).tensors) {
        Tensor repeated = input;
        for (int d = 0; input.defined() && d < input.dim(); ++d) {
          if (input.size(d) < 2) continue;
          repeated = input.narrow(d, 0, 1).expand(input.sizes());
          break;
        }
        expanded.push_back(repeated);
        dense.push_back(repeated.defined() ? repeated.contiguous() : repeated);
      }
      EXPECT_EQ(difference(sample.run(dense), sample.run(expanded)), "");
    }
}

INSTANTIATE_TEST_SUITE_P(Ops, Layouts, testing::ValuesIn(all_samples()), name_of);

}  // namespace
}  // namespace farro::opcheck
