// SPDX-License-Identifier: Apache-2.0
// The seam between libfarro and a device runtime. libfarro_cuda.so (CUDA) and libfarro_simt.so (the host SIMT runtime)
// each implement Backend and are loaded on demand by find_cuda_backend(); libfarro itself never includes a CUDA header.
// FARRO_CUDA says which backend answers to Device::cuda: simt the host runtime, off none, cuda or nothing CUDA.
#pragma once

#include <farro/core/api.h>
#include <farro/core/device/device.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace farro {

// A queue of work on one device, in issue order. `handle` is the runtime's stream (cudaStream_t).
struct Stream {
  Device device;
  void* handle = nullptr;
};

struct DeviceProperties {
  std::string name;
  int compute_major = 0;
  int compute_minor = 0;
  int multiprocessors = 0;
  size_t total_memory = 0;             // bytes
  size_t shared_memory_per_block = 0;  // bytes, with opt-in
};

// Implementations throw OutOfMemoryError and BackendError. All functions may be called from any thread.
class FARRO_API Backend {
 public:
  virtual ~Backend() = default;
  virtual const char* name() const noexcept = 0;  // "cuda" or "simt"
  virtual int device_count() const noexcept = 0;
  virtual DeviceProperties properties(int device) const = 0;

  // Device memory, at least 256-byte aligned, usable on `stream` at once; bytes == 0 gives null.
  virtual void* allocate(size_t bytes, Stream stream) = 0;
  // Returns it; work already queued on `stream` may still use it. Never throws: it runs in destructors.
  virtual void deallocate(void* data, size_t bytes, Stream stream) noexcept = 0;

  // The calling thread's current stream of a device (the default stream at start).
  virtual Stream current_stream(int device) = 0;
  virtual void set_current_stream(Stream stream) = 0;
  virtual Stream create_stream(int device) = 0;
  virtual void destroy_stream(Stream stream) noexcept = 0;
  virtual void synchronize(Stream stream) = 0;
  virtual void synchronize_device(int device) = 0;

  // Events order streams against each other and the host.
  virtual void* create_event(int device) = 0;
  virtual void destroy_event(void* event) noexcept = 0;
  virtual void record_event(void* event, Stream stream) = 0;
  virtual void wait_event(void* event, Stream stream) = 0;  // `stream` waits
  virtual void synchronize_event(void* event) = 0;          // the host waits

  // Queued on the stream; copies to or from host memory return when the host memory may be reused.
  virtual void copy_to_device(void* dst, const void* src, size_t bytes, Stream stream) = 0;
  virtual void copy_to_host(void* dst, const void* src, size_t bytes, Stream stream) = 0;
  virtual void copy_on_device(void* dst, const void* src, size_t bytes, Stream stream) = 0;
  virtual void fill_bytes(void* dst, uint8_t value, size_t bytes, Stream stream) = 0;

  struct MemoryStats {
    size_t in_use = 0;    // bytes handed out
    size_t peak = 0;      // most bytes in use at once
    size_t reserved = 0;  // bytes held from the device, in use or cached
  };
  virtual MemoryStats memory_stats(int device) const = 0;
  // Gives cached memory back to the device.
  virtual void empty_cache(int device) = 0;

  // Fills the kernel tables of all ops this backend has kernels for.
  virtual void register_kernels() = 0;
};

// What a backend library exports as `farro_backend_entry`. `abi` must equal kBackendAbi on both sides.
inline constexpr int kBackendAbi = 1;
struct FARRO_API BackendEntry {
  int abi = kBackendAbi;
  Backend* (*create)(std::string& why_not) = nullptr;  // null with the reason where no device is usable
};

// The backend of Device::cuda; throws DeviceError with the one-line reason when there is none.
FARRO_API Backend& cuda_backend();
// The same without throwing: null, and cuda_unavailable_reason() tells the reason in one line.
FARRO_API Backend* find_cuda_backend() noexcept;
FARRO_API const std::string& cuda_unavailable_reason() noexcept;
FARRO_API int cuda_device_count() noexcept;

}  // namespace farro
