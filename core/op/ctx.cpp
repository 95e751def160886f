// SPDX-License-Identifier: Apache-2.0
// What a kernel gets to work with: scratch memory, operands copied into a wanted layout, results that are written back
// afterwards. Most calls need none of it, so it is allocated when first asked for.
#include <farro/core/op/ctx.h>

#include <farro/core/util/small_vector.h>

namespace farro {

struct Ctx::Extra {
  struct Pending {
    Tensor out, work;
  };
  // Held until the call ends; storage of a device goes back to its stream, which orders its reuse.
  SmallVector<Ref<Storage>, 4> scratch;
  SmallVector<Pending, 2> results;
  Stream stream;
  bool has_stream = false;
  Counts counts;
  std::atomic<int64_t> parts_scratch{0}, parts_copied{0};
  std::atomic<int64_t>*scratch_sink = nullptr, *copied_sink = nullptr;  // of a part
};

namespace {

Strides strides_of(const Shape& sizes, MemoryFormat layout) {
  if (layout == MemoryFormat::contiguous) return contiguous_strides(sizes);
  // [N, C, L], for which tensors have no channels-last format of their own.
  if (sizes.size() == 3) return {sizes[1] * sizes[2], 1, sizes[1]};
  return channels_last_strides(sizes);
}

// Whether the elements lie as in `layout`; dimensions of size 1 may have any stride.
bool has_layout(const Tensor& tensor, MemoryFormat layout) {
  if (layout == MemoryFormat::contiguous) return tensor.is_contiguous();
  const Strides wanted = strides_of(tensor.sizes(), layout);
  for (int i = 0; i < tensor.dim(); ++i)
    if (tensor.sizes()[i] != 1 && tensor.strides()[i] != wanted[i]) return false;
  return true;
}

// Memory aligned to 64 bytes, which small host storages alone are not: they begin at a multiple of 32.
struct Scratch {
  Ref<Storage> storage;
  int64_t skipped = 0;  // bytes in front
  Scratch(int64_t bytes, Device device) {
    constexpr int64_t kAlign = 64, kOff = 32;
    const bool small = device.is_cpu() && bytes <= static_cast<int64_t>(kSmallBlock);
    storage = Storage::create(static_cast<size_t>(bytes + (small ? kOff : 0)), device);
    if (small && reinterpret_cast<uintptr_t>(storage->data()) % kAlign != 0) skipped = kOff;
  }
};

DType widened(DType dtype) { return is_half(dtype) ? DType::f32 : dtype; }

}  // namespace

Ctx::Extra& Ctx::extra() {
  if (!extra_) extra_ = new Extra;
  return *extra_;
}

void Ctx::release() noexcept {
  // A part of a loop adds what it used to the call's counts.
  if (extra_->scratch_sink) {
    const Counts mine = counts();
    *extra_->scratch_sink += mine.scratch;
    *extra_->copied_sink += mine.copied;
  }
  delete extra_;
}

Ctx::Parts Ctx::parts() { return {op_, device_, extra().parts_scratch, extra().parts_copied}; }

Ctx::Ctx(const Parts& parts) : op_(parts.op), device_(parts.device) {
  extra().scratch_sink = &parts.scratch;
  extra().copied_sink = &parts.copied;
}

Stream Ctx::stream() {
  if (!device_.is_cuda()) return {device_, nullptr};
  Extra& e = extra();
  if (!e.has_stream) {
    e.stream = cuda_backend().current_stream(device_.index);
    e.has_stream = true;
  }
  return e.stream;
}

void* Ctx::scratch_bytes(int64_t bytes) {
  if (bytes == 0) return nullptr;
  Extra& e = extra();
  const Scratch scratch(bytes, device_);
  e.scratch.push_back(scratch.storage);
  e.counts.scratch += bytes;
  return static_cast<char*>(scratch.storage->data()) + scratch.skipped;
}

Tensor Ctx::scratch_tensor(const Shape& sizes, MemoryFormat layout, DType dtype) {
  const int64_t numel = checked_numel(op_, sizes), bytes = checked_bytes(op_, numel, item_size(dtype));
  Scratch scratch(bytes, device_);
  extra().counts.scratch += bytes;
  return Tensor(Ref<TensorImpl>::adopt(new TensorImpl(std::move(scratch.storage),
                                                      scratch.skipped / static_cast<int64_t>(item_size(dtype)), sizes,
                                                      strides_of(sizes, layout), numel, dtype)));
}

Tensor Ctx::dense(const Tensor& tensor, MemoryFormat layout, DType dtype) {
  // No copy where the tensor is as wanted already.
  if (!tensor.defined() || (tensor.dtype() == dtype && tensor.device() == device_ && has_layout(tensor, layout)))
    return tensor;
  return copied(tensor, tensor.sizes(), layout, dtype);
}

Tensor Ctx::spread(const Tensor& tensor, const Shape& sizes, DType dtype) {
  if (tensor.sizes() == sizes) return dense(tensor, MemoryFormat::contiguous, dtype);
  return copied(tensor, sizes, MemoryFormat::contiguous, dtype);
}

Tensor Ctx::copied(const Tensor& tensor, const Shape& sizes, MemoryFormat layout, DType dtype) {
  const Tensor copy = scratch_tensor(sizes, layout, dtype);
  copy_elements(copy, tensor);
  // Profiles show it: a copy in every call is what a change of layout costs.
  extra().counts.copied += static_cast<int64_t>(copy.nbytes());
  return copy;
}

Tensor Ctx::dense(const Tensor& tensor, MemoryFormat layout) {
  return tensor.defined() ? dense(tensor, layout, widened(tensor.dtype())) : tensor;
}

Tensor Ctx::result(const Tensor& out, MemoryFormat layout, DType dtype) {
  if (!out.defined() || (out.dtype() == dtype && has_layout(out, layout))) return out;
  Tensor work = scratch_tensor(out.sizes(), layout, dtype);
  // Written back by finish(), after the kernel.
  extra().results.push_back({out, work});
  return work;
}

Tensor Ctx::result(const Tensor& out, MemoryFormat layout) {
  return out.defined() ? result(out, layout, widened(out.dtype())) : out;
}

Ctx::Counts Ctx::counts() const noexcept {
  if (!extra_) return {};
  Counts counts = extra_->counts;
  counts.scratch += extra_->parts_scratch.load();
  counts.copied += extra_->parts_copied.load();
  return counts;
}

void Ctx::write_back() {
  for (const Extra::Pending& pending : extra_->results) {
    copy_elements(pending.out, pending.work);
    extra_->counts.copied += static_cast<int64_t>(pending.work.nbytes());
  }
  extra_->results.clear();
}

}  // namespace farro
