// Outputs against the double reference: every dtype, device and kernel variant; inputs are left alone.
#include <farro/autograd/node/grad_mode.h>
#include <farro/tests/opcheck/op_test.h>

namespace farro::opcheck {
namespace {

class Values : public OpTest {};

void check_values(const Sample& sample, Oracle& oracle, DType dtype, Device device) {
  const Made made = make_inputs(sample, dtype, device);
  const Tensors before = make_inputs(sample, dtype, device).tensors;
  const Tensors outputs = sample.run(made.tensors);
  if (sample.reference) {
    EXPECT_EQ(oracle.judge(made.values, dtype, outputs), "");
  }
  if (sample.check) sample.check(made.tensors, outputs);
  EXPECT_EQ(difference(before, made.tensors), "") << "an input changed";
  for (const Tensor& output : outputs) EXPECT_EQ(output.device(), device);
}

TEST_P(Values, MatchTheReference) {
  const no_grad guard;
  for (const Sample& sample : samples()) {
    Oracle oracle(sample);
    for (const Device& device : devices_of(op()))
      for_each_variant(op(), device, [&](const char* variant) {
        for (DType dtype : list(sample.dtypes)) {
          SCOPED_TRACE(str(describe(op_name(), sample, dtype, device, Layout::contiguous), " ", variant));
          EXPECT_TRUE(sample.reference || sample.check) << "a sample needs a reference or a check";
          if_supported([&] { check_values(sample, oracle, dtype, device); });
        }
      });
  }
}

INSTANTIATE_TEST_SUITE_P(Ops, Values, testing::ValuesIn(all_samples()), name_of);

}  // namespace
}  // namespace farro::opcheck
