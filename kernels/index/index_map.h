// SPDX-License-Identifier: Apache-2.0
// What the CPU kernels of the index ops share. All of them walk a tensor seen as [outer, slots, inner]: `slots` is the
// indexed dimension (or several, flattened), and entry j of the index says which slot entry j of the other side belongs
// to. The dimensions around may have any strides.
#pragma once

#include <farro/core/op/ctx.h>
#include <farro/core/parallel/parallel.h>
#include <farro/core/tensor/tensor.h>

#include <algorithm>
#include <vector>

namespace farro {

// Where the index tuples of some dimensions lie, in row-major order and in elements. Where they lie at one distance,
// as mostly, there is no list.
class Offsets {
 public:
  Offsets(std::span<const int64_t> sizes, std::span<const int64_t> strides);
  int64_t count() const noexcept { return count_; }
  int64_t operator[](int64_t i) const noexcept { return list_.empty() ? i * stride_ : list_[static_cast<size_t>(i)]; }
  bool dense() const noexcept { return list_.empty() && stride_ == 1; }

 private:
  int64_t count_ = 1;
  int64_t stride_ = 1;
  std::vector<int64_t> list_;
};

// The dimensions around the indexed ones: those before `first` and those from `last` on, of a tensor with those
// strides, as far as `sizes` reaches.
struct Surroundings {
  Surroundings(std::span<const int64_t> sizes, std::span<const int64_t> strides, int first, int last);
  Offsets outer;
  Offsets inner;
};

// An index tensor as dense i64, checked: every value in [low, high). Throws an IndexError that names the first value
// outside, its position and the range; `op` and `dim` (whose size is `high`) are for the message.
Tensor checked_index(Ctx& ctx, const char* op, const Tensor& index, int64_t low, int64_t high, int64_t dim);

// Elements below which one thread does the work.
inline constexpr int64_t kIndexGrain = 32768;

// Cuts [begin, end) at the multiples of `length`: fn(quotient, first remainder, one past the last).
template <class Fn>
void for_each_segment(int64_t begin, int64_t end, int64_t length, Fn&& fn) {
  for (int64_t q = begin / length, from = begin % length; begin < end; ++q, from = 0) {
    const int64_t to = std::min(length, from + end - begin);
    fn(q, from, to);
    begin += to - from;
  }
}

// Splits updates by `entries` x outer x inner elements over threads, so that no two threads write the same element and
// every element gets its updates in the order of the entries: over outer x inner where that is enough, else over
// ranges of slots, each thread going through all entries. Calls fn(outer, inner_begin, inner_end, slot_begin,
// slot_end).
template <class Fn>
void for_each_region(const Surroundings& around, int64_t entries, int64_t slots, Fn&& fn) {
  const int64_t inner = around.inner.count(), cells = around.outer.count() * inner;
  if (cells == 0 || entries == 0 || slots == 0) return;
  const auto walk = [&](int64_t begin, int64_t end, int64_t slot_begin, int64_t slot_end) {
    for_each_segment(begin, end, inner,
                     [&](int64_t o, int64_t from, int64_t to) { fn(o, from, to, slot_begin, slot_end); });
  };
  if (cells >= 4 * num_threads() || cells * entries <= kIndexGrain) {
    parallel_for(cells, std::max<int64_t>(kIndexGrain / entries, 1),
                 [&](int64_t begin, int64_t end) { walk(begin, end, 0, slots); });
  } else {
    // One range a thread, because each goes through all entries.
    const int64_t share = (slots + num_threads() - 1) / num_threads();
    parallel_for(slots, std::max<int64_t>(slots / (entries * cells / kIndexGrain), share),
                 [&](int64_t begin, int64_t end) { walk(0, cells, begin, end); });
  }
}

}  // namespace farro
