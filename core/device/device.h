// SPDX-License-Identifier: Apache-2.0
// Where a tensor lives: cpu, cuda:i, or meta (shapes and no data).
#pragma once

#include <farro/core/api.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace farro {

enum class DeviceType : uint8_t { cpu, cuda, meta };
inline constexpr int kNumDeviceTypes = 3;

struct FARRO_API Device {
  DeviceType type = DeviceType::cpu;
  int8_t index = 0;

  static constexpr Device cpu() noexcept { return {}; }
  // ValueError unless 0 <= index <= 126; whether there is such a device shows when it is used.
  static constexpr Device cuda(int index = 0) {
    if (index < 0 || index > kLastIndex) throw_bad_index(index);
    return {DeviceType::cuda, static_cast<int8_t>(index)};
  }
  static constexpr Device meta() noexcept { return {DeviceType::meta, 0}; }
  // "cpu", "cuda" (= cuda:0), "cuda:1", "meta", or "auto": cuda:0 where a CUDA device is usable, else cpu.
  // Throws ValueError on anything else, DeviceError for a CUDA device that does not exist, with the reason.
  static Device parse(std::string_view text);

  constexpr bool is_cpu() const noexcept { return type == DeviceType::cpu; }
  constexpr bool is_cuda() const noexcept { return type == DeviceType::cuda; }
  constexpr bool is_meta() const noexcept { return type == DeviceType::meta; }
  friend FARRO_API constexpr bool operator==(const Device&, const Device&) noexcept = default;

 private:
  static constexpr int kLastIndex = 126;
  [[noreturn]] static void throw_bad_index(int index);
};

FARRO_API std::string to_string(Device device);

// The device of factory functions that are given none; cpu at start. Thread-local.
FARRO_API Device default_device() noexcept;
class FARRO_API DefaultDeviceGuard {
 public:
  explicit DefaultDeviceGuard(Device device);
  ~DefaultDeviceGuard();
  DefaultDeviceGuard(const DefaultDeviceGuard&) = delete;
  DefaultDeviceGuard& operator=(const DefaultDeviceGuard&) = delete;

 private:
  Device previous_;
};

}  // namespace farro
