// SPDX-License-Identifier: Apache-2.0
// Offsets of all elements of some dimensions, and the check of index tensors, for the kernels of this folder.
#include <farro/kernels/index/index_map.h>

#include <farro/kernels/memory/reshape.h>

#include <atomic>

namespace farro {

Offsets::Offsets(std::span<const int64_t> sizes, std::span<const int64_t> strides) {
  for (int64_t size : sizes) count_ *= size;
  if (count_ <= 1) return;
  // Most tensors need no list: their dimensions merge into one with a stride.
  if (const auto merged = view_strides(Shape(sizes), Strides(strides), {count_})) {
    stride_ = (*merged)[0];
    return;
  }
  list_.resize(static_cast<size_t>(count_));
  // From the last dimension on, each repeats what is there so far, one stride further every time.
  size_t done = 1;
  for (size_t d = sizes.size(); d-- > 0;) {
    for (int64_t i = 1; i < sizes[d]; ++i)
      for (size_t k = 0; k < done; ++k) list_[static_cast<size_t>(i) * done + k] = list_[k] + i * strides[d];
    done *= static_cast<size_t>(sizes[d]);
  }
}

Surroundings::Surroundings(std::span<const int64_t> sizes, std::span<const int64_t> strides, int first, int last)
    : outer(sizes.first(static_cast<size_t>(first)), strides.first(static_cast<size_t>(first))),
      inner(sizes.subspan(static_cast<size_t>(last)), strides.subspan(static_cast<size_t>(last))) {}

namespace {

[[noreturn]] void fail_at(const char* op, const Tensor& index, int64_t position, int64_t value, int64_t low,
                          int64_t high, int64_t dim) {
  Dims at = index.sizes();
  for (int d = at.size() - 1; d >= 0; --d) {
    at[d] = position % index.sizes()[d];
    position /= index.sizes()[d];
  }
  fail<IndexError>(op, ": index must be at least ", low, " and below ", high, " (the size of dimension ", dim,
                   "), got ", value, " at ", at, " (index: ", index, ")");
}

}  // namespace

Tensor checked_index(Ctx& ctx, const char* op, const Tensor& index, int64_t low, int64_t high, int64_t dim) {
  const Tensor dense = ctx.dense(index, MemoryFormat::contiguous, DType::i64);
  const int64_t* values = dense.data<int64_t>();
  // Either difference is negative for a value outside; in this form the loop vectorises.
  std::atomic<bool> bad{false};
  const uint64_t first = static_cast<uint64_t>(low), last = static_cast<uint64_t>(high) - 1;
  parallel_for(dense.numel(), kIndexGrain, [&](int64_t begin, int64_t end) {
    uint64_t signs = 0;
    for (int64_t i = begin; i < end; ++i) {
      const uint64_t value = static_cast<uint64_t>(values[i]);
      signs |= (value - first) | (last - value);
    }
    if (signs >> 63) bad.store(true, std::memory_order_relaxed);
  });
  // The parallel pass only says that there is one; this one finds the first, so the message does not depend on threads.
  for (int64_t i = 0; bad; ++i)
    if (values[i] < low || values[i] >= high) fail_at(op, index, i, values[i], low, high, dim);
  return dense;
}

}  // namespace farro
