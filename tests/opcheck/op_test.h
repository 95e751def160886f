// SPDX-License-Identifier: Apache-2.0
// The fixture of the suites: one test per op that has samples.
#pragma once

#include <farro/core/device/backend.h>
#include <farro/core/op/call_listener.h>
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

// Whether the device has kernels for all ops that a function's samples run, by what a listener hears on the CPU.
inline bool ops_run_on(const std::string& function, DeviceType device) {
  struct Heard final : CallListener {
    Heard() { add_call_listener(*this); }
    ~Heard() override { remove_call_listener(*this); }
    void begin(const CallEvent& event) noexcept override { names.push_back(event.name()); }
    void end(const CallEvent&) noexcept override {}
    std::vector<std::string> names;
  };
  for (const OpSamples& samples : all_samples()) {
    if (samples.op != function) continue;
    for (const Sample& sample : samples.samples) {
      const Tensors inputs = make_inputs(sample, list(sample.dtypes).front(), Device::cpu()).tensors;
      Heard heard;
      sample.run(inputs);
      for (const std::string& name : heard.names)
        if (!is_view(*find_op(name)) && find_op(name)->variants(device).empty()) return false;
    }
  }
  return true;
}

// cpu, and cuda:0 (a GPU, or the host runtime where FARRO_CUDA=simt) for ops that run there.
inline std::vector<Device> devices_of(const OpEntry& op) {
  std::vector<Device> devices{Device::cpu()};
  if (!op.forced) {  // a function made of ops: its schema is its name
    if (cuda_device_count() > 0 && ops_run_on(op.schema, DeviceType::cuda)) devices.push_back(Device::cuda());
    return devices;
  }
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

// What the suites see where a registered op has its entry: it has a gradient, runs wherever its ops do, and chooses
// nothing.
inline OpEntry function_entry(const std::string& name) {
  static const OpMethods methods{};
  OpEntry entry{.methods = &methods, .schema = name};
  entry.variants = [](DeviceType) { return std::vector<VariantInfo>(); };
  return entry;
}

class OpTest : public testing::TestWithParam<OpSamples> {
 protected:
  void SetUp() override {
    if (GetParam().kind == SampleKind::function) {
      ASSERT_FALSE(find_op(GetParam().op)) << "samples of a function by the name of an op: " << GetParam().op;
      function_ = function_entry(GetParam().op);
      op_ = &function_;
      return;
    }
    op_ = find_op(GetParam().op);
    ASSERT_TRUE(op_) << "samples for an op that is not registered: " << GetParam().op;
  }
  const OpEntry& op() const { return *op_; }
  const std::string& op_name() const { return GetParam().op; }
  const std::vector<Sample>& samples() const { return GetParam().samples; }

 private:
  const OpEntry* op_ = nullptr;
  OpEntry function_;
};

// How gtest names a failing parameter.
inline void PrintTo(const OpSamples& samples, std::ostream* out) { *out << samples.op; }
inline std::string name_of(const testing::TestParamInfo<OpSamples>& test) { return test.param.op; }

}  // namespace farro::opcheck
