// SPDX-License-Identifier: Apache-2.0
// The Backend over the CUDA runtime API: built against CUDA into libfarro_cuda.so and against core/simt_host into
// libfarro_simt.so. Loaded by core/device; one object per process, never destroyed.
#include <farro/core/api.h>
#include <farro/core/cuda/allocator.h>
#include <farro/core/cuda/status.h>
#include <farro/core/device/backend.h>
#include <farro/core/device/cuda_reason.h>
#include <farro/core/error/error.h>

#if !defined(FARRO_DEVICE_SIMT)
#include <dlfcn.h>
#endif

#include <cstdlib>
#include <memory>
#include <utility>
#include <vector>

namespace farro {

void register_all_cuda_kernels();  // generated, cmake/FarroBackends.cmake

namespace cuda {
namespace {

#if defined(FARRO_DEVICE_SIMT)
constexpr const char* kName = "simt";
#else
constexpr const char* kName = "cuda";
#endif

// The calling thread's current stream of each device; absent is the default stream.
thread_local std::vector<cudaStream_t> current_streams;

cudaStream_t handle(const Stream& stream) { return static_cast<cudaStream_t>(stream.handle); }

// An event remembers its device: recording and waiting need no device switch, creating does.
cudaEvent_t event_handle(void* event) { return static_cast<cudaEvent_t>(event); }

// A copy from pageable memory has read it when the call returns; one from pinned memory has not.
bool is_pinned(const void* host) {
  cudaPointerAttributes attributes{};
  check(cudaPointerGetAttributes(&attributes, host), "cudaPointerGetAttributes");
  return attributes.type == cudaMemoryTypeHost;
}

class CudaBackend final : public Backend {
 public:
  explicit CudaBackend(int devices) {
    for (int device = 0; device < devices; ++device) allocators_.push_back(std::make_unique<CachingAllocator>(device));
  }

  const char* name() const noexcept override { return kName; }
  int device_count() const noexcept override { return static_cast<int>(allocators_.size()); }

  DeviceProperties properties(int device) const override {
    check_device(device);
    cudaDeviceProp found;
    check(cudaGetDeviceProperties(&found, device), "cudaGetDeviceProperties");
    return {.name = found.name,
            .compute_major = found.major,
            .compute_minor = found.minor,
            .multiprocessors = found.multiProcessorCount,
            .total_memory = found.totalGlobalMem,
            .shared_memory_per_block = found.sharedMemPerBlockOptin};
  }

  void* allocate(size_t bytes, Stream stream) override {
    const DeviceScope scope(stream.device.index);
    return allocator(stream.device.index).allocate(bytes, handle(stream));
  }
  void deallocate(void* data, size_t, Stream stream) noexcept override {
    // Bytes are not needed: the allocator knows its blocks by address.
    allocators_[static_cast<size_t>(stream.device.index)]->deallocate(data);
  }

  Stream current_stream(int device) override {
    check_device(device);
    const size_t index = static_cast<size_t>(device);
    return {Device::cuda(device), index < current_streams.size() ? current_streams[index] : nullptr};
  }
  void set_current_stream(Stream stream) override {
    check_device(stream.device.index);
    current_streams.resize(allocators_.size());
    current_streams[static_cast<size_t>(stream.device.index)] = handle(stream);
  }
  Stream create_stream(int device) override {
    check_device(device);
    const DeviceScope scope(device);
    cudaStream_t created = nullptr;
    // Non-blocking: it does not wait for the default stream, nor that one for it.
    check(cudaStreamCreateWithFlags(&created, cudaStreamNonBlocking), "cudaStreamCreateWithFlags");
    return {Device::cuda(device), created};
  }
  void destroy_stream(Stream stream) noexcept override { (void)cudaStreamDestroy(handle(stream)); }
  void synchronize(Stream stream) override {
    const DeviceScope scope(stream.device.index);  // which device's default stream null means
    check(cudaStreamSynchronize(handle(stream)), "cudaStreamSynchronize");
  }
  void synchronize_device(int device) override {
    check_device(device);
    const DeviceScope scope(device);
    check(cudaDeviceSynchronize(), "cudaDeviceSynchronize");
  }

  void* create_event(int device) override {
    check_device(device);
    const DeviceScope scope(device);
    cudaEvent_t created = nullptr;
    // Events only order streams here; without a time stamp they cost less.
    check(cudaEventCreateWithFlags(&created, cudaEventDisableTiming), "cudaEventCreateWithFlags");
    return created;
  }
  void destroy_event(void* event) noexcept override { (void)cudaEventDestroy(event_handle(event)); }
  void record_event(void* event, Stream stream) override {
    const DeviceScope scope(stream.device.index);
    check(cudaEventRecord(event_handle(event), handle(stream)), "cudaEventRecord");
  }
  void wait_event(void* event, Stream stream) override {
    const DeviceScope scope(stream.device.index);
    check(cudaStreamWaitEvent(handle(stream), event_handle(event), 0), "cudaStreamWaitEvent");
  }
  void synchronize_event(void* event) override {
    check(cudaEventSynchronize(event_handle(event)), "cudaEventSynchronize");
  }

  void copy_to_device(void* dst, const void* src, size_t bytes, Stream stream) override {
    copy(dst, src, bytes, cudaMemcpyHostToDevice, stream);
    if (bytes != 0 && is_pinned(src)) synchronize(stream);
  }
  void copy_to_host(void* dst, const void* src, size_t bytes, Stream stream) override {
    copy(dst, src, bytes, cudaMemcpyDeviceToHost, stream);
    // The host reads the bytes next.
    if (bytes != 0) synchronize(stream);
  }
  void copy_on_device(void* dst, const void* src, size_t bytes, Stream stream) override {
    copy(dst, src, bytes, cudaMemcpyDeviceToDevice, stream);
  }
  void fill_bytes(void* dst, uint8_t value, size_t bytes, Stream stream) override {
    if (bytes == 0) return;
    const DeviceScope scope(stream.device.index);
    check(cudaMemsetAsync(dst, value, bytes, handle(stream)), "cudaMemsetAsync");
  }

  MemoryStats memory_stats(int device) const override {
    check_device(device);
    return allocators_[static_cast<size_t>(device)]->stats();
  }
  void empty_cache(int device) override {
    const DeviceScope scope(device);
    allocator(device).empty_cache();
  }

  void register_kernels() override { register_all_cuda_kernels(); }

 private:
  void check_device(int device) const {
    FARRO_CHECK(device >= 0 && device < device_count(), DeviceError, "cuda: device must be one of the ", device_count(),
                " found, got cuda:", device);
  }
  CachingAllocator& allocator(int device) {
    check_device(device);
    return *allocators_[static_cast<size_t>(device)];
  }
  static void copy(void* dst, const void* src, size_t bytes, cudaMemcpyKind kind, const Stream& stream) {
    if (bytes == 0) return;
    const DeviceScope scope(stream.device.index);
    check(cudaMemcpyAsync(dst, src, bytes, kind, handle(stream)), "cudaMemcpyAsync");
  }

  std::vector<std::unique_ptr<CachingAllocator>> allocators_;
};

#if defined(FARRO_DEVICE_SIMT)
std::string why_no_device(cudaError_t status) {
  return str(cudaGetErrorName(status), ": ", cudaGetErrorString(status));
}
std::string why_no_code(int) { return {}; }
#else
std::string why_no_device(cudaError_t status) {
  CudaFacts facts{.visible = std::getenv("CUDA_VISIBLE_DEVICES")};
  if (status != cudaSuccess && status != cudaErrorNoDevice)
    facts.status = str(cudaGetErrorName(status), ": ", cudaGetErrorString(status));
  if (void* driver = dlopen("libcuda.so.1", RTLD_LAZY | RTLD_LOCAL)) {
    facts.driver_library = true;
    dlclose(driver);
  }
  // A failure leaves 0, which counts as unknown.
  (void)cudaDriverGetVersion(&facts.driver_version);
  (void)cudaRuntimeGetVersion(&facts.needed_version);
  return why_no_cuda_device(facts);
}

// Empty where every device can run what was built; else its kernels would fail one by one.
std::string why_no_code(int devices) {
  for (int device = 0; device < devices; ++device) {
    int major = 0, minor = 0;
    check(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device), "cudaDeviceGetAttribute");
    check(cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, device), "cudaDeviceGetAttribute");
    if (!runs_on(FARRO_CUDA_ARCHITECTURES, major, minor))
      return str("cuda:", device, " has compute capability ", major, ".", minor, ", this build of farro is for ",
                 FARRO_CUDA_ARCHITECTURES, " (CMAKE_CUDA_ARCHITECTURES)");
  }
  return {};
}
#endif

Backend* create(std::string& why_not) {
  int devices = 0;
  const cudaError_t status = cudaGetDeviceCount(&devices);
  if (status != cudaSuccess || devices == 0) {
    why_not = why_no_device(status);
    return nullptr;
  }
  why_not = why_no_code(devices);
  return why_not.empty() ? new CudaBackend(devices) : nullptr;
}

}  // namespace
}  // namespace cuda
}  // namespace farro

extern "C" {
extern FARRO_API const farro::BackendEntry farro_backend_entry;
const farro::BackendEntry farro_backend_entry{farro::kBackendAbi, &farro::cuda::create};
}
