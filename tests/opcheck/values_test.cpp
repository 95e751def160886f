// SPDX-License-Identifier: Apache-2.0
// Outputs against the double reference: every dtype, device and kernel variant; inputs are left alone.
#include <farro/autograd/node/grad_mode.h>
#include <farro/tests/opcheck/op_test.h>

#include <cstdio>
#include <map>

namespace farro::opcheck {
namespace {

class Values : public OpTest {};

void check_values(const Sample& sample, Oracle& oracle, DType dtype, Device device) {
  const Made made = make_inputs(sample, dtype, device);
  const auto before = storage_bytes(made.tensors);
  const Tensors outputs = sample.run(made.tensors);
  if (sample.reference) {
    EXPECT_EQ(oracle.judge(made.values, dtype, outputs), "");
  }
  if (sample.check) sample.check(made.tensors, outputs);
  EXPECT_TRUE(before == storage_bytes(made.tensors)) << "an input changed";
  for (const Tensor& output : outputs) EXPECT_EQ(output.device(), device);
}

TEST_P(Values, MatchTheReference) {
  const no_grad guard;
  struct Count {
    int ran = 0, unsupported = 0;
  };
  std::map<std::pair<DeviceType, std::string>, Count> counts;  // calls of each variant
  for (const Sample& sample : samples()) {
    Oracle oracle(sample);
    for (const Device& device : devices_of(op()))
      for_each_variant(op(), device, [&](const char* variant) {
        for (DType dtype : list(sample.dtypes)) {
          SCOPED_TRACE(str(describe(op_name(), sample, dtype, device, Layout::contiguous), " ", variant));
          EXPECT_TRUE(sample.reference || sample.check) << "a sample needs a reference or a check";
          Count& count = counts[{device.type, variant}];
          ++(if_supported(variant, [&] { check_values(sample, oracle, dtype, device); }) ? count.ran
                                                                                         : count.unsupported);
        }
      });
  }
  for (const auto& [variant, count] : counts) {
    const std::string name = str(variant.second, " of ", Device{variant.first});
    EXPECT_GT(count.ran, 0) << "no sample runs on the variant " << name;
    if (count.unsupported == 0) continue;
    RecordProperty(str("unsupported_", Device{variant.first}, "_", variant.second), count.unsupported);
    std::printf("%s: %d of %d calls are not for %s\n", op_name().c_str(), count.unsupported,
                count.ran + count.unsupported, name.c_str());
  }
}

INSTANTIATE_TEST_SUITE_P(Ops, Values, testing::ValuesIn(all_samples()), name_of);

}  // namespace
}  // namespace farro::opcheck
