// What the CPU kernels of the index ops share. All of them walk a tensor seen as [outer, slots, inner]: `slots` is the
// indexed dimension (or several, flattened), and entry j of the index says which slot entry j of the other side belongs
// to. The dimensions may have any strides; where they lie is kept in lists of offsets.
#pragma once

#include <farro/core/tensor/tensor.h>
#include <farro/core/util/parallel.h>

#include <algorithm>
#include <vector>

namespace farro {

// Offsets (in elements) of all index tuples of `sizes`, in row-major order.
std::vector<int64_t> offsets_of(std::span<const int64_t> sizes, std::span<const int64_t> strides);

// Where the dimensions around the indexed ones lie: those before `first` and those from `last` on, of a tensor with
// those strides, as far as `sizes` reaches.
struct Surroundings {
  Surroundings(std::span<const int64_t> sizes, std::span<const int64_t> strides, int first, int last);
  int64_t outer_size() const noexcept { return static_cast<int64_t>(outer.size()); }
  int64_t inner_size() const noexcept { return static_cast<int64_t>(inner.size()); }

  std::vector<int64_t> outer;
  std::vector<int64_t> inner;
  bool dense_inner = true;  // inner is 0, 1, 2, ...
};

// An index tensor as dense i64, checked: every value in [low, high). Throws an IndexError that names the first value
// outside, its position and the range; `op` and `dim` (whose size is `high`) are for the message.
Tensor checked_index(const char* op, const Tensor& index, int64_t low, int64_t high, int64_t dim);

// Elements below which one thread does the work.
inline constexpr int64_t kIndexGrain = 32768;

// Splits updates by `entries` x outer x inner elements over threads, so that no two threads write the same element and
// every element gets its updates in the order of the entries: over outer x inner where that is enough, else over
// ranges of slots, each thread going through all entries. Calls fn(outer, inner_begin, inner_end, slot_begin,
// slot_end).
template <class Fn>
void for_each_region(const Surroundings& around, int64_t entries, int64_t slots, Fn&& fn) {
  const int64_t inner = around.inner_size(), cells = around.outer_size() * inner;
  if (cells == 0 || entries == 0 || slots == 0) return;
  const auto walk = [&](int64_t begin, int64_t end, int64_t slot_begin, int64_t slot_end) {
    while (begin < end) {
      const int64_t from = begin % inner, to = std::min(inner, from + end - begin);
      fn(begin / inner, from, to, slot_begin, slot_end);
      begin += to - from;
    }
  };
  if (cells >= 4 * num_threads() || cells * entries <= kIndexGrain) {
    parallel_for(cells, std::max<int64_t>(kIndexGrain / entries, 1),
                 [&](int64_t begin, int64_t end) { walk(begin, end, 0, slots); });
  } else {
    parallel_for(slots, std::max<int64_t>(slots / (entries * cells / kIndexGrain), 1),
                 [&](int64_t begin, int64_t end) { walk(0, cells, begin, end); });
  }
}

}  // namespace farro
