// SPDX-License-Identifier: Apache-2.0
// The bytes behind tensors: data pointer, size, device and the version counter that in-place operations bump. Views
// share one Storage. On the CPU the record and the bytes are one block from the caching allocator.
#pragma once

#include <farro/core/api.h>
#include <farro/core/device/device.h>
#include <farro/core/storage/small_pool.h>
#include <farro/core/util/ref.h>

#include <cstddef>
#include <functional>
#include <new>

namespace farro {

class FARRO_API Storage : public RefCounted {
 public:
  // Uninitialised bytes (on the CPU aligned to 64 bytes, small ones to 32); meta storages have a size and no data.
  // Throws OutOfMemoryError, and DeviceError where the device does not exist.
  static Ref<Storage> create(size_t bytes, Device device) {
    if (!kBypassCaches && device.is_cpu() && bytes <= kSmallBlock - kHeader) [[likely]] {
      char* block = static_cast<char*>(small_alloc(kHeader + bytes));
      return Ref<Storage>::adopt(new (block) Storage(block + kHeader, bytes, device));
    }
    return create_large(bytes, device);
  }
  // Wraps memory of the caller, who keeps it alive until `deleter` runs; `deleter` may be empty.
  static Ref<Storage> wrap(void* data, size_t bytes, Device device, std::function<void()> deleter);

  void* data() const noexcept { return data_; }
  size_t bytes() const noexcept { return bytes_; }
  Device device() const noexcept { return device_; }
  bool is_external() const noexcept { return external_; }  // memory of the caller
  uint32_t version() const noexcept { return version_; }
  void bump_version() noexcept { ++version_; }

  static void destroy(Storage* storage) noexcept {
    const size_t bytes = storage->bytes_;
    if (!kBypassCaches && !storage->external_ && storage->device_.is_cpu() && bytes <= kSmallBlock - kHeader) [[likely]]
      return small_free(storage, kHeader + bytes);
    destroy_large(storage);
  }

 private:
  // The record stands in front of a host storage's bytes, which stay as aligned as the block. Under AddressSanitizer
  // what is left of it is poisoned, so that accesses in front of the bytes are seen.
  static constexpr size_t kHeader = kBypassCaches ? 128 : 64;
  static Ref<Storage> create_large(size_t bytes, Device device);
  static void destroy_large(Storage* storage) noexcept;

  Storage(void* data, size_t bytes, Device device) noexcept : device_(device), data_(data), bytes_(bytes) {}
  ~Storage() = default;
  friend class Ref<Storage>;

  uint32_t version_ = 0;
  Device device_;
  bool external_ = false;
  void* data_;
  size_t bytes_;
  void* context_ = nullptr;  // the stream a device block belongs to, or the external deleter
};

}  // namespace farro
