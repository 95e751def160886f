// SPDX-License-Identifier: Apache-2.0
// The array that reference formulas read and write: row-major, owning, nothing clever. References are instantiated for
// double (the oracle) and for float (which tells how much error the plain formula makes, and so how much is tolerated).
#pragma once

#include <farro/core/tensor/dims.h>

#include <cstdint>
#include <vector>

namespace farro::opcheck {

template <class T>
struct NdArray {
  Shape sizes;
  std::vector<T> data;

  NdArray() : data(1) {}
  explicit NdArray(const Shape& sizes_, T value = 0)
      : sizes(sizes_), data(static_cast<size_t>(checked_numel("NdArray", sizes_)), value) {}

  int rank() const { return sizes.size(); }
  int64_t size(int dim) const { return sizes[dim < 0 ? dim + rank() : dim]; }
  int64_t numel() const { return static_cast<int64_t>(data.size()); }

  // Element by index: x(i, j, k), or x.at(index) with one entry per dimension.
  template <class... I>
  T& operator()(I... index) {
    return at(Dims{static_cast<int64_t>(index)...});
  }
  template <class... I>
  T operator()(I... index) const {
    return at(Dims{static_cast<int64_t>(index)...});
  }
  T& at(const Dims& index) { return data.at(flat(index)); }
  T at(const Dims& index) const { return data.at(flat(index)); }
  // As at(), where the index may be that of a bigger shape that this one broadcasts to.
  T broadcast_at(const Dims& index) const {
    const int lead = index.size() - rank();
    Dims own = sizes;
    for (int i = 0; i < rank(); ++i) own[i] = sizes[i] == 1 ? 0 : index[lead + i];
    return at(own);
  }
  // An element that holds an index or a mask value.
  int64_t integer(int64_t flat_index) const { return static_cast<int64_t>(data.at(static_cast<size_t>(flat_index))); }

 private:
  size_t flat(const Dims& index) const {
    FARRO_ASSERT(index.size() == rank());
    int64_t at = 0;
    for (int i = 0; i < rank(); ++i) {
      FARRO_ASSERT(index[i] >= 0 && index[i] < sizes[i]);
      at = at * sizes[i] + index[i];
    }
    return static_cast<size_t>(at);
  }
};

template <class T>
using Arrays = std::vector<NdArray<T>>;

// Calls fn(index) for every index of a shape in row-major order.
template <class Fn>
void for_each_index(const Shape& sizes, Fn&& fn) {
  const int64_t total = checked_numel("for_each_index", sizes);
  Dims index = Dims::filled(sizes.size(), 0);
  for (int64_t n = 0; n < total; ++n) {
    fn(static_cast<const Dims&>(index));
    for (int i = sizes.size() - 1; i >= 0 && ++index[i] == sizes[i]; --i) index[i] = 0;
  }
}

// The sizes after reducing `dims` (none given: all), with the reduced dimensions kept as 1 or dropped.
inline Shape reduced_sizes(const Shape& sizes, const Dims& dims, bool keepdim) {
  Shape result;
  for (int i = 0; i < sizes.size(); ++i) {
    bool reduced = dims.empty();
    for (int64_t d : dims) reduced = reduced || (d < 0 ? d + sizes.size() : d) == i;
    if (!reduced) result.push_back(sizes[i]);
    if (reduced && keepdim) result.push_back(1);
  }
  return result;
}

// out[kept index] = fn(values of the reduced dimensions as a std::vector<T>, in row-major order).
template <class T, class Fn>
NdArray<T> reduce(const NdArray<T>& in, const Dims& dims, bool keepdim, Fn&& fn) {
  NdArray<T> kept(reduced_sizes(in.sizes, dims, true));
  std::vector<std::vector<T>> groups(kept.data.size());
  NdArray<int64_t> group_of(kept.sizes);
  for (int64_t i = 0; i < group_of.numel(); ++i) group_of.data[static_cast<size_t>(i)] = i;
  for_each_index(in.sizes, [&](const Dims& index) {
    groups[static_cast<size_t>(group_of.broadcast_at(index))].push_back(in.at(index));
  });
  for (size_t i = 0; i < groups.size(); ++i) kept.data[i] = fn(static_cast<const std::vector<T>&>(groups[i]));
  kept.sizes = reduced_sizes(in.sizes, dims, keepdim);
  return kept;
}

}  // namespace farro::opcheck
