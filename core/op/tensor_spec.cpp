// SPDX-License-Identifier: Apache-2.0
// Allocates an op's outputs by their specs. It runs on every call, so the common case copies sizes and strides from a
// tensor of the same shape and checks nothing anew.
#include <farro/core/op/tensor_spec.h>

namespace farro {

namespace {

// Apart, so that the common path needs no stack frame for it.
[[gnu::noinline]] Tensor allocate_by_sizes(const char* op, const TensorSpec& spec) {
  const int rank = spec.sizes.size();
  Strides strides;
  int64_t numel = 1;
  if (spec.strided || spec.channels_last) [[unlikely]] {
    numel = checked_numel(op, spec.sizes);
    strides = spec.strided ? spec.strides : channels_last_strides(spec.sizes);
  } else {
    // checked_numel and contiguous_strides in one pass: this runs on every op.
    strides = Dims::filled(rank, 1);
    bool overflow = false;
    for (int i = rank - 1; i >= 0; --i) {
      strides[i] = numel;
      overflow |= __builtin_mul_overflow(numel, spec.sizes[i], &numel);
    }
    if (overflow || numel <= 0) [[unlikely]] {
      numel = checked_numel(op, spec.sizes);
      strides = contiguous_strides(spec.sizes);
    }
  }
  const int64_t bytes = checked_bytes(op, numel, item_size(spec.dtype));
  return Tensor(Ref<TensorImpl>::adopt(new TensorImpl(Storage::create(static_cast<size_t>(bytes), spec.device), 0,
                                                      spec.sizes, strides, numel, spec.dtype)));
}

}  // namespace

Tensor allocate(const char* op, const TensorSpec& spec) {
  // A tensor of this shape exists, with elements that are not smaller: the byte count cannot overflow.
  if (spec.like && item_size(spec.dtype) <= item_size(spec.like->dtype)) [[likely]] {
    const size_t size = static_cast<size_t>(spec.like->numel) * item_size(spec.dtype);
    return Tensor(Ref<TensorImpl>::adopt(new TensorImpl(Storage::create(size, spec.device), *spec.like, spec.dtype)));
  }
  return allocate_by_sizes(op, spec);
}

}  // namespace farro
