// SPDX-License-Identifier: Apache-2.0
// What a kernel gets from its call besides arguments and outputs: the device and its stream, work memory, operands in
// the layout and dtype that the kernel is written for, and plans of libraries. All of it is counted for the listeners,
// nothing of it is recorded by autograd, and what was handed out goes back when the kernel returns or throws.
#pragma once

#include <farro/core/api.h>
#include <farro/core/device/backend.h>
#include <farro/core/op/plan_cache.h>
#include <farro/core/tensor/tensor.h>

#include <atomic>

namespace farro {

class FARRO_API Ctx {
 public:
  Ctx(const char* op, Device device) noexcept : op_(op), device_(device) {}
  // A context belongs to one thread. Parts of a parallel loop each make one of their own from what parts() gave before
  // the loop; it counts for the call.
  struct Parts {
    const char* op;
    Device device;
    std::atomic<int64_t>&scratch, &copied;
  };
  Parts parts();
  explicit Ctx(const Parts& parts);
  ~Ctx() {
    if (extra_) [[unlikely]]
      release();
  }
  Ctx(const Ctx&) = delete;
  Ctx& operator=(const Ctx&) = delete;

  const char* op() const noexcept { return op_; }
  Device device() const noexcept { return device_; }
  // The calling thread's current stream of the device; on the CPU one without a handle.
  Stream stream();

  // Uninitialised memory for `count` elements, aligned to 64 bytes (256 on a device). On a device it belongs to the
  // stream's order: whoever gets the bytes next on this stream runs later. Throws OutOfMemoryError. Count 0 gives null.
  template <class T>
  T* scratch(int64_t count) {
    return static_cast<T*>(scratch_bytes(checked_bytes(op_, count, sizeof(T))));
  }

  // The same as a tensor.
  Tensor scratch_tensor(const Shape& sizes, MemoryFormat layout, DType dtype);

  // `tensor` in a dense layout and a dtype: itself where it has them, else a copy that lives until the kernel returns.
  // Undefined stays undefined.
  Tensor dense(const Tensor& tensor, MemoryFormat layout, DType dtype);
  // Broadcast to `sizes`, row-major.
  Tensor spread(const Tensor& tensor, const Shape& sizes, DType dtype);
  // In the type that sums are kept in: f32 for half types, others as they are.
  Tensor dense(const Tensor& tensor, MemoryFormat layout = MemoryFormat::contiguous);
  // Dense memory to write the output `out` to: itself where it fits, else scratch that is copied to it after the kernel
  // has returned (not where it throws).
  Tensor result(const Tensor& out, MemoryFormat layout, DType dtype);
  Tensor result(const Tensor& out, MemoryFormat layout = MemoryFormat::contiguous);

  // The plan of that key, made by make() at its first use; make() gives a std::shared_ptr<Plan>, null where there is no
  // such plan, which is remembered too.
  template <class Plan, class Make>
  std::shared_ptr<Plan> plan(const PlanKey& key, Make&& make) {
    return plan_cache(device_).get<Plan>(key, std::forward<Make>(make));
  }

  // What a kernel took, in bytes.
  struct Counts {
    int64_t scratch = 0;  // work memory
    int64_t copied = 0;   // operands and results that had to be brought into another layout or dtype
  };
  Counts counts() const noexcept;

  // Copies results to their outputs; called once the kernel has returned.
  void finish() {
    if (extra_) [[unlikely]]
      write_back();
  }

 private:
  struct Extra;
  Extra& extra();
  void* scratch_bytes(int64_t bytes);
  // A counted copy, broadcast to `sizes`.
  Tensor copied(const Tensor& tensor, const Shape& sizes, MemoryFormat layout, DType dtype);
  void write_back();
  void release() noexcept;

  const char* op_;
  Extra* extra_ = nullptr;  // made by the first request
  Device device_;
};

// Elements of `source`, broadcast and converted, into `target`, unrecorded; defined beside the copy op
// (kernels/memory/copy.host.cpp).
FARRO_API void copy_elements(const Tensor& target, const Tensor& source);

// Typed access without the check of Tensor::data(), where T is known from the dtype; null for an undefined tensor.
template <class T>
inline T* data_of(const Tensor& tensor) {
  return tensor.defined() ? static_cast<T*>(tensor.raw_data()) : nullptr;
}

}  // namespace farro
