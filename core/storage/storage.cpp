// SPDX-License-Identifier: Apache-2.0
// Storages above 512 bytes, of devices, and of memory that belongs to somebody else. On the CPU the record and its
// bytes are one block, so that a storage is one allocation.
#include <farro/core/storage/storage.h>

#include <farro/core/device/backend.h>
#include <farro/core/storage/cpu_allocator.h>

#include <memory>
#include <new>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif

namespace farro {

namespace {

// The gap between a record and its bytes, where there is one.
void poison([[maybe_unused]] char* begin, [[maybe_unused]] const char* end) noexcept {
#if defined(__SANITIZE_ADDRESS__)
  __asan_poison_memory_region(begin, static_cast<size_t>(end - begin));
#endif
}
void unpoison([[maybe_unused]] char* begin, [[maybe_unused]] const char* end) noexcept {
#if defined(__SANITIZE_ADDRESS__)
  __asan_unpoison_memory_region(begin, static_cast<size_t>(end - begin));
#endif
}

}  // namespace

Ref<Storage> Storage::create_large(size_t bytes, Device device) {
  static_assert(sizeof(Storage) <= kHeader);
  if (device.is_cpu()) [[likely]] {
    char* block = static_cast<char*>(cpu_allocate(kHeader + bytes));
    poison(block + sizeof(Storage), block + kHeader);
    return Ref<Storage>::adopt(new (block) Storage(block + kHeader, bytes, device));
  }
  void* record = cpu_allocate(kHeader);
  if (device.is_meta()) return Ref<Storage>::adopt(new (record) Storage(nullptr, bytes, device));
  try {
    Backend& backend = cuda_backend();
    const Stream stream = backend.current_stream(device.index);
    auto* storage = new (record) Storage(backend.allocate(bytes, stream), bytes, device);
    // The memory goes back to the stream that it was allocated for, whichever is current then.
    storage->context_ = stream.handle;
    return Ref<Storage>::adopt(storage);
  } catch (...) {
    cpu_free(record, kHeader);
    throw;
  }
}

Ref<Storage> Storage::wrap(void* data, size_t bytes, Device device, std::function<void()> deleter) {
  auto context = deleter ? std::make_unique<std::function<void()>>(std::move(deleter)) : nullptr;
  void* record = cpu_allocate(kHeader);
  auto* storage = new (record) Storage(data, bytes, device);
  // The memory belongs to somebody else, who is told by the deleter when it is no longer used.
  storage->external_ = true;
  storage->context_ = context.release();
  return Ref<Storage>::adopt(storage);
}

void Storage::destroy_large(Storage* storage) noexcept {
  const size_t bytes = storage->bytes_;
  if (storage->external_) {
    const std::unique_ptr<std::function<void()>> deleter(static_cast<std::function<void()>*>(storage->context_));
    if (deleter) (*deleter)();
    cpu_free(storage, kHeader);
  } else if (storage->device_.is_cpu()) [[likely]] {
    char* block = reinterpret_cast<char*>(storage);
    unpoison(block + sizeof(Storage), block + kHeader);
    cpu_free(storage, kHeader + bytes);
  } else {
    if (storage->device_.is_cuda())
      find_cuda_backend()->deallocate(storage->data_, bytes, Stream{storage->device_, storage->context_});
    cpu_free(storage, kHeader);
  }
}

}  // namespace farro
