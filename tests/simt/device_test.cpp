// SPDX-License-Identifier: Apache-2.0
// The loader of backends, Device and the device's properties.
#include "simt_test.h"

namespace farro::simt_test {
namespace {

TEST(Backend, SimtAnswersForCuda) {
  ASSERT_NE(find_cuda_backend(), nullptr) << cuda_unavailable_reason();
  EXPECT_STREQ(cuda_backend().name(), "simt");
  EXPECT_GE(cuda_device_count(), 1);
  const DeviceProperties properties = cuda_backend().properties(0);
  EXPECT_EQ(properties.compute_major, 9);
  EXPECT_GT(properties.shared_memory_per_block, 48u << 10);
  expect_contains(error_of<DeviceError>([] { cuda_backend().properties(99); }), "device must be one of the ");
}

TEST(Device, ParsesItsOwnNames) {
  for (const Device device : {Device::cpu(), Device::cuda(0), Device::meta()})
    EXPECT_EQ(Device::parse(to_string(device)), device);
  EXPECT_EQ(Device::parse("cuda"), Device::cuda(0));
  EXPECT_EQ(Device::parse("auto"), Device::cuda(0));
}

TEST(Device, RejectsOtherTexts) {
  for (const char* text : {"", "gpu", "cuda:", "cuda:x", "cuda:1x", "cuda:-1", "CPU"})
    expect_contains(error_of<ValueError>([&] { Device::parse(text); }), "text must be cpu, cuda, cuda:N, meta or auto");
  expect_contains(error_of<DeviceError>([] { Device::parse("cuda:99"); }), "CUDA devices found, got cuda:99");
}

TEST(Device, DefaultIsScoped) {
  EXPECT_EQ(default_device(), Device::cpu());
  {
    const DefaultDeviceGuard guard(Device::cuda(0));
    EXPECT_EQ(default_device(), Device::cuda(0));
  }
  EXPECT_EQ(default_device(), Device::cpu());
}

TEST(Schedule, IsParsed) {
  EXPECT_EQ(simt_host::parse_schedule("inorder"), simt_host::Schedule{});
  EXPECT_EQ(simt_host::parse_schedule("adversarial:17"), (simt_host::Schedule{simt_host::Order::adversarial, 17}));
  for (const char* text : {"", "fair", "adversarial", "adversarial:", "adversarial:x", "adversarial:1x"})
    expect_contains(error_of<ValueError>([&] { (void)simt_host::parse_schedule(text); }),
                    "must be inorder or adversarial");
}

}  // namespace
}  // namespace farro::simt_test
