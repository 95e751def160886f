// SPDX-License-Identifier: Apache-2.0
// The cuda* functions and the control functions: each takes the machine's lock, turns a Failure into a status, and
// keeps its text for cudaGetErrorString.
#include <farro/core/simt_host/failure.h>
#include <farro/core/simt_host/launch.h>
#include <farro/core/simt_host/machine.h>

#include <charconv>
#include <cstring>

namespace farro::simt_host {

namespace {
// CUDA's current device is a thread's own as well.
thread_local int current_device = 0;
thread_local std::string last_text;  // details of the last failure this thread was told
thread_local cudaError_t last_status = cudaSuccess;

cudaError_t remember(cudaError_t status, std::string text) {
  last_status = status;
  last_text = std::move(text);
  return status;
}

template <class Fn>
cudaError_t guarded(Fn&& fn) {
  try {
    Machine& machine = Machine::get();
    const std::lock_guard lock(machine.mutex());
    fn(machine);
    return cudaSuccess;
  } catch (const Failure& failure) {
    return remember(failure.status(), failure.what());
  } catch (const std::exception& error) {
    return remember(cudaErrorLaunchFailure, error.what());
  }
}

void check_device(const Machine& machine, int device) {
  if (device < 0 || device >= machine.device_count())
    raise(cudaErrorInvalidDevice, "device must lie in [0, ", machine.device_count(), "), got ", device);
}

void check_host_pointer(Machine& machine, const void* data, const char* what) {
  if (!data) raise(cudaErrorInvalidValue, what, " must not be null");
  for (int device = 0; device < machine.device_count(); ++device)
    if (machine.memory(device).owns(data))
      raise(cudaErrorInvalidValue, what, " must be host memory, got device memory");
}

// Device memory may be named on any device (unified addressing); the range must be live there.
void check_device_pointer(Machine& machine, const void* data, size_t bytes, const std::string& what) {
  for (int device = 0; device < machine.device_count(); ++device)
    if (machine.memory(device).owns(data)) return machine.memory(device).check_range(data, bytes, what);
  raise(cudaErrorInvalidValue, what, " must be device memory, got a host pointer");
}

int device_of(Machine& machine, const void* data) {
  for (int device = 0; device < machine.device_count(); ++device)
    if (machine.memory(device).owns(data)) return device;
  raise(cudaErrorInvalidValue, "pointer must be device memory, got a host pointer");
}
}  // namespace

cudaError_t launch_kernel(KernelCall call, std::span<const PointerArgument> pointers, cudaStream_t stream) {
  return guarded([&](Machine& machine) {
    Stream& queue = machine.resolve(stream, current_device);
    const uint64_t threads = uint64_t{call.block.x} * call.block.y * call.block.z;
    // CUDA's limits: 1,024 threads of a block and 64 along z; 2^31 - 1 blocks along x, 65,535 along y and z.
    if (threads == 0 || threads > kMaxBlockThreads || call.block.z > 64)
      raise(cudaErrorInvalidConfiguration, call.name, ": block must have 1 to ", kMaxBlockThreads, " threads, got ",
            threads);
    if (call.grid.x == 0 || call.grid.y == 0 || call.grid.z == 0 || call.grid.x > 0x7fffffffu || call.grid.y > 65535 ||
        call.grid.z > 65535)
      raise(cudaErrorInvalidConfiguration, call.name, ": grid must have 1 to (2147483647,65535,65535) blocks, got (",
            call.grid.x, ",", call.grid.y, ",", call.grid.z, ")");
    if (call.shared_bytes > kSharedLimit)
      raise(cudaErrorInvalidValue, call.name, ": dynamic shared memory must be at most ", kSharedLimit, " bytes, got ",
            call.shared_bytes);
    if (queue.device != current_device)
      raise(cudaErrorInvalidResourceHandle, call.name, ": stream must be of the current device cuda:", current_device,
            ", got one of cuda:", queue.device);
    for (const auto& [position, value] : pointers) {
      // Null is a way to say that an argument is absent.
      if (!value) continue;
      check_device_pointer(machine, value, 0, str(call.name, ": argument ", position, " of the kernel"));
    }
    machine.launch(queue, std::move(call));
  });
}

cudaError_t acquire_block(void* data, size_t bytes, size_t capacity, cudaStream_t stream) {
  return guarded([&](Machine& machine) {
    if (machine.next_allocation_fails()) raise(cudaErrorMemoryAllocation, "out of memory (injected)");
    DeviceMemory& memory = machine.memory(device_of(machine, data));
    // At once for the caller, as an allocation is, but poisoned when the stream comes to it: until then earlier work of
    // the stream may still use the memory under its former owner.
    memory.acquire_block(data, bytes);
    machine.enqueue(machine.resolve(stream, current_device),
                    {[=, &memory] { memory.open_block(data, bytes, capacity); }, nullptr, nullptr, 0});
  });
}

cudaError_t release_block(void* data, cudaStream_t stream) {
  return guarded([&](Machine& machine) {
    DeviceMemory& memory = machine.memory(device_of(machine, data));
    memory.release_block(data);
    machine.enqueue(machine.resolve(stream, current_device),
                    {[=, &memory] { memory.close_block(data); }, nullptr, nullptr, 0});
  });
}

// ---- control.h

Schedule parse_schedule(std::string_view text) {
  constexpr std::string_view kAdversarial = "adversarial:";
  if (text == "inorder") return {};
  if (text.starts_with(kAdversarial)) {
    const std::string_view digits = text.substr(kAdversarial.size());
    uint64_t seed = 0;
    const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), seed);
    if (!digits.empty() && result.ec == std::errc() && result.ptr == digits.data() + digits.size())
      return {Order::adversarial, seed};
  }
  fail<ValueError>("FARRO_SIMT_SCHEDULE: value must be inorder or adversarial:SEED, got '", text, "'");
}

std::string to_string(const Schedule& schedule) {
  return schedule.order == Order::inorder ? std::string("inorder") : str("adversarial:", schedule.seed);
}

Schedule schedule() {
  Machine& machine = Machine::get();
  const std::lock_guard lock(machine.mutex());
  return machine.schedule();
}

void set_schedule(const Schedule& schedule) {
  Machine& machine = Machine::get();
  const std::lock_guard lock(machine.mutex());
  machine.set_schedule(schedule);
}

ScheduleGuard::~ScheduleGuard() {
  try {
    set_schedule(previous_);
  } catch (const std::exception&) {
    // Queued work failed while it was drained; the queues are empty now, so this time it takes effect.
    set_schedule(previous_);
  }
}

void fail_allocation_after(int64_t count) {
  Machine& machine = Machine::get();
  const std::lock_guard lock(machine.mutex());
  machine.fail_allocation_after(count);
}

void set_device_memory(size_t bytes) {
  Machine& machine = Machine::get();
  const std::lock_guard lock(machine.mutex());
  for (int device = 0; device < machine.device_count(); ++device) machine.memory(device).set_limit(bytes);
}

Counters counters() {
  Machine& machine = Machine::get();
  const std::lock_guard lock(machine.mutex());
  return machine.counters();
}

}  // namespace farro::simt_host

using namespace farro;
using namespace farro::simt_host;

// ---- errors

// Statuses are returned where they arise; none is kept for later.
cudaError_t cudaGetLastError() { return cudaSuccess; }

const char* cudaGetErrorName(cudaError_t status) {
  switch (status) {
    case cudaSuccess: return "cudaSuccess";
    case cudaErrorInvalidValue: return "cudaErrorInvalidValue";
    case cudaErrorMemoryAllocation: return "cudaErrorMemoryAllocation";
    case cudaErrorInvalidConfiguration: return "cudaErrorInvalidConfiguration";
    case cudaErrorInvalidMemcpyDirection: return "cudaErrorInvalidMemcpyDirection";
    case cudaErrorNoDevice: return "cudaErrorNoDevice";
    case cudaErrorInvalidDevice: return "cudaErrorInvalidDevice";
    case cudaErrorInvalidResourceHandle: return "cudaErrorInvalidResourceHandle";
    case cudaErrorLaunchFailure: return "cudaErrorLaunchFailure";
    case cudaErrorNotSupported: return "cudaErrorNotSupported";
  }
  return "unknown error";
}

const char* cudaGetErrorString(cudaError_t status) {
  return status != cudaSuccess && status == last_status ? last_text.c_str() : cudaGetErrorName(status);
}

// ---- devices

cudaError_t cudaGetDeviceCount(int* count) {
  return guarded([&](Machine& machine) { *count = machine.device_count(); });
}
cudaError_t cudaGetDevice(int* device) {
  *device = current_device;
  return cudaSuccess;
}
cudaError_t cudaSetDevice(int device) {
  return guarded([&](Machine& machine) {
    check_device(machine, device);
    current_device = device;
  });
}
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  return guarded([&](Machine& machine) {
    check_device(machine, device);
    *properties = {};
    std::strcpy(properties->name, "host SIMT runtime");
    // As compute capability 9.0, so that variants for it are chosen; those in *.sm90.cu files are not built here.
    properties->major = 9;
    // A small number, so that code that sizes its grid by it is run with few blocks.
    properties->multiProcessorCount = 4;
    properties->totalGlobalMem = machine.memory(device).limit();
    properties->sharedMemPerBlockOptin = kSharedLimit;
  });
}
cudaError_t cudaDeviceSynchronize() {
  return guarded([](Machine& machine) { machine.drain_device(current_device); });
}

// ---- memory

cudaError_t cudaMalloc(void** data, size_t bytes) {
  return guarded([&](Machine& machine) {
    const Machine::Access access(machine);
    *data = bytes == 0 ? nullptr : machine.memory(current_device).allocate(bytes);
    if (bytes != 0 && !*data) raise(cudaErrorMemoryAllocation, "out of memory");
  });
}
cudaError_t cudaFree(void* data) {
  return guarded([&](Machine& machine) {
    if (!data) return;
    const int device = device_of(machine, data);
    // cudaFree waits for the device, on a GPU too.
    machine.drain_device(device);
    const Machine::Access access(machine);
    machine.memory(device).free(data);
  });
}
cudaError_t cudaMemGetInfo(size_t* free, size_t* total) {
  return guarded([&](Machine& machine) {
    const DeviceMemory& memory = machine.memory(current_device);
    *total = memory.limit();
    *free = memory.limit() - std::min(memory.limit(), memory.used());
  });
}

cudaError_t cudaPointerGetAttributes(cudaPointerAttributes* attributes, const void* data) {
  return guarded([&](Machine& machine) {
    // No memory is pinned here.
    *attributes = {cudaMemoryTypeUnregistered, -1};
    for (int device = 0; device < machine.device_count(); ++device)
      if (machine.memory(device).owns(data)) *attributes = {cudaMemoryTypeDevice, device};
  });
}

cudaError_t cudaMemcpyAsync(void* dst, const void* src, size_t bytes, cudaMemcpyKind kind, cudaStream_t stream) {
  return guarded([&](Machine& machine) {
    Stream& queue = machine.resolve(stream, current_device);
    if (bytes == 0) return;
    Work work;
    if (kind == cudaMemcpyHostToDevice) {
      check_device_pointer(machine, dst, bytes, "cudaMemcpyAsync: dst");
      check_host_pointer(machine, src, "cudaMemcpyAsync: src");
      const char* bytes_of_host = static_cast<const char*>(src);
      // Read now: the caller may change pageable memory as soon as the call returns, as with CUDA.
      work.run = [dst, staged = std::vector<char>(bytes_of_host, bytes_of_host + bytes)] {
        std::memcpy(dst, staged.data(), staged.size());
      };
    } else if (kind == cudaMemcpyDeviceToHost) {
      check_host_pointer(machine, dst, "cudaMemcpyAsync: dst");
      check_device_pointer(machine, src, bytes, "cudaMemcpyAsync: src");
      work.run = [=] { std::memcpy(dst, src, bytes); };
    } else if (kind == cudaMemcpyDeviceToDevice) {
      check_device_pointer(machine, dst, bytes, "cudaMemcpyAsync: dst");
      check_device_pointer(machine, src, bytes, "cudaMemcpyAsync: src");
      // Parts of one allocation may overlap.
      work.run = [=] { std::memmove(dst, src, bytes); };
    } else {
      raise(cudaErrorInvalidMemcpyDirection, "cudaMemcpyAsync: kind must name a direction");
    }
    machine.enqueue(queue, std::move(work));
  });
}

cudaError_t cudaMemsetAsync(void* dst, int value, size_t bytes, cudaStream_t stream) {
  return guarded([&](Machine& machine) {
    Stream& queue = machine.resolve(stream, current_device);
    if (bytes == 0) return;
    check_device_pointer(machine, dst, bytes, "cudaMemsetAsync: dst");
    machine.enqueue(queue, {[=] { std::memset(dst, value, bytes); }, nullptr, nullptr, 0});
  });
}

// ---- streams and events

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags) {
  return guarded([&](Machine& machine) {
    // The only form that the backend uses; the others would need rules for the default stream.
    if (flags != cudaStreamNonBlocking)
      raise(cudaErrorNotSupported, "cudaStreamCreateWithFlags: flags must be cudaStreamNonBlocking");
    *stream = machine.create_stream(current_device);
  });
}
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  return guarded([&](Machine& machine) { machine.destroy_stream(stream); });
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  return guarded([&](Machine& machine) { machine.drain(machine.resolve(stream, current_device)); });
}
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
  return guarded([&](Machine& machine) {
    machine.enqueue(machine.resolve(stream, current_device), {nullptr, event->state, nullptr, event->state->recorded});
  });
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned flags) {
  return guarded([&](Machine&) {
    if (flags != cudaEventDisableTiming)
      raise(cudaErrorNotSupported, "cudaEventCreateWithFlags: flags must be cudaEventDisableTiming");
    *event = new Event(current_device);
  });
}
cudaError_t cudaEventDestroy(cudaEvent_t event) {
  // Work that still refers to the event shares its state.
  delete event;
  return cudaSuccess;
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  return guarded([&](Machine& machine) {
    Stream& queue = machine.resolve(stream, current_device);
    if (queue.device != event->device)
      raise(cudaErrorInvalidResourceHandle, "cudaEventRecord: event and stream must be of one device");
    // Each record has a number: a wait refers to the latest one at the time of the call.
    machine.enqueue(queue, {nullptr, nullptr, event->state, ++event->state->recorded});
  });
}
cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  return guarded([&](Machine& machine) { machine.drain_event(*event->state, event->state->recorded); });
}
