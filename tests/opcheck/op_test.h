// The fixture of the suites: one test per op that has samples.
#pragma once

#include <farro/core/device/backend.h>
#include <farro/core/op/op_table.h>
#include <farro/tests/opcheck/tolerance.h>
#include <farro/tests/opcheck/values.h>

#include <gtest/gtest.h>

#include <algorithm>

namespace farro::opcheck {

inline const OpEntry* find_op(const std::string& name) {
  for (const OpEntry& entry : all_ops())
    if (entry.info().name == name) return &entry;
  return nullptr;
}

// A view has no kernel on any device.
inline bool is_view(const OpEntry& op) {
  return op.variants(DeviceType::cpu).empty() && op.variants(DeviceType::cuda).empty();
}

// cpu, and cuda:0 (a GPU, or the host runtime where FARRO_CUDA=simt) for ops that run there.
inline std::vector<Device> devices_of(const OpEntry& op) {
  std::vector<Device> devices{Device::cpu()};
  if (cuda_device_count() > 0 && (is_view(op) || !op.variants(DeviceType::cuda).empty()))
    devices.push_back(Device::cuda());
  return devices;
}

// Runs fn() once as the op is, and, where there are several variants, once with each forced; `fn` gets the variant's
// name.
template <class Fn>
void for_each_variant(const OpEntry& op, Device device, Fn&& fn) {
  fn("auto");
  const std::vector<VariantInfo> variants = op.variants(device.type);
  if (variants.size() < 2) return;
  for (const VariantInfo& variant : variants) {
    const VariantScope scope(op.info().name, variant.name);
    fn(variant.name);
  }
}

// Runs fn(), which makes one call; whether it did. A call that a forced variant does not support is passed over.
template <class Fn>
bool if_supported(const char* variant, Fn&& fn) {
  try {
    fn();
    return true;
  } catch (const UnsupportedVariantError&) {
    if (std::string_view(variant) == "auto") throw;
    return false;
  }
}

class OpTest : public testing::TestWithParam<OpSamples> {
 protected:
  void SetUp() override {
    op_ = find_op(GetParam().op);
    ASSERT_TRUE(op_) << "samples for an op that is not registered: " << GetParam().op;
  }
  const OpEntry& op() const { return *op_; }
  const std::string& op_name() const { return GetParam().op; }
  const std::vector<Sample>& samples() const { return GetParam().samples; }

 private:
  const OpEntry* op_ = nullptr;
};

// How gtest names a failing parameter.
inline void PrintTo(const OpSamples& samples, std::ostream* out) { *out << samples.op; }
inline std::string name_of(const testing::TestParamInfo<OpSamples>& test) { return test.param.op; }

}  // namespace farro::opcheck
