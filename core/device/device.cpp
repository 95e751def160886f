// SPDX-License-Identifier: Apache-2.0
// Names of devices, and the calling thread's default device.
#include <farro/core/device/backend.h>
#include <farro/core/device/device.h>
#include <farro/core/error/error.h>

#include <charconv>

namespace farro {

namespace {
thread_local Device default_value;

void check_exists(const char* op, Device device) {
  if (!device.is_cuda()) return;
  FARRO_CHECK(find_cuda_backend() != nullptr, DeviceError, op, ": device must be usable, got ", device, " (",
              cuda_unavailable_reason(), ")");
  FARRO_CHECK(device.index < cuda_device_count(), DeviceError, op, ": device must be one of the ", cuda_device_count(),
              " CUDA devices found, got ", device);
}
}  // namespace

void Device::throw_bad_index(int index) {
  fail<ValueError>("Device::cuda: index must be in [0, ", kLastIndex, "], got ", index);
}

Device Device::parse(std::string_view text) {
  constexpr std::string_view kCuda = "cuda:";
  if (text == "cpu") return cpu();
  if (text == "meta") return meta();
  if (text == "auto") return cuda_device_count() > 0 ? cuda() : cpu();
  Device device = cuda();
  if (text != "cuda") {
    int index = -1;
    const char* end = text.data() + text.size();
    const bool is_number = text.starts_with(kCuda) && text.size() > kCuda.size() &&
                           std::from_chars(text.data() + kCuda.size(), end, index).ptr == end;
    FARRO_CHECK(is_number && index >= 0 && index <= kLastIndex, ValueError,
                "Device::parse: text must be cpu, cuda, cuda:N, meta or auto, got '", text, "'");
    device = cuda(index);
  }
  check_exists("Device::parse", device);
  return device;
}

std::string to_string(Device device) {
  switch (device.type) {
    case DeviceType::cpu: return "cpu";
    case DeviceType::cuda: return str("cuda:", static_cast<int>(device.index));
    case DeviceType::meta: return "meta";
  }
  fail<InternalError>("internal error: invalid device type ", static_cast<int>(device.type));
}

Device default_device() noexcept { return default_value; }

DefaultDeviceGuard::DefaultDeviceGuard(Device device) : previous_(default_value) {
  check_exists("DefaultDeviceGuard", device);
  default_value = device;
}
DefaultDeviceGuard::~DefaultDeviceGuard() { default_value = previous_; }

}  // namespace farro
