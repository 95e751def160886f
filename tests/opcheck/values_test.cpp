// Outputs against the double reference: every dtype, device and kernel variant; inputs are left alone.
#include <farro/autograd/node/grad_mode.h>
#include <farro/tests/opcheck/op_test.h>

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
  std::map<std::pair<DeviceType, std::string>, int> runs;  // of each variant
  for (const Sample& sample : samples()) {
    Oracle oracle(sample);
    for (const Device& device : devices_of(op()))
      for_each_variant(op(), device, [&](const char* variant) {
        for (DType dtype : list(sample.dtypes)) {
          SCOPED_TRACE(str(describe(op_name(), sample, dtype, device, Layout::contiguous), " ", variant));
          EXPECT_TRUE(sample.reference || sample.check) << "a sample needs a reference or a check";
          runs[{device.type, variant}] += if_supported(variant, [&] { check_values(sample, oracle, dtype, device); });
        }
      });
  }
  for (const auto& [variant, count] : runs)
    EXPECT_GT(count, 0) << "no sample runs on the variant " << str(variant.second, " of ", Device{variant.first});
}

INSTANTIATE_TEST_SUITE_P(Ops, Values, testing::ValuesIn(all_samples()), name_of);

}  // namespace
}  // namespace farro::opcheck
