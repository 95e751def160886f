// SPDX-License-Identifier: Apache-2.0
// The CPU kernel of sort.h. Elements become unsigned keys whose order is that of the values, so one sort serves every
// dtype and both directions.
#include <farro/core/op/op_table.h>
#include <farro/kernels/index/sort.op.h>

#include <farro/core/dtype/visit.h>
#include <farro/core/parallel/parallel.h>
#include <farro/kernels/index/index_map.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <type_traits>
#include <vector>

namespace farro {

namespace {

// Order-preserving: NaN greatest, the zeros equal.
template <class Key, class T>
Key key_of(T value) noexcept {
  constexpr Key kTop = Key{1} << (sizeof(Key) * 8 - 1);
  if constexpr (std::is_integral_v<T>) {
    // Two's complement with the sign bit flipped orders as unsigned.
    return static_cast<Key>(static_cast<std::conditional_t<sizeof(Key) == 8, int64_t, int32_t>>(value)) ^ kTop;
  } else {
    using Float = std::conditional_t<sizeof(Key) == 8, double, float>;
    const Float x = static_cast<Float>(value);
    if (std::isnan(x)) return ~Key{0};
    // IEEE numbers order as their bits do where they are positive, and backwards where they are negative.
    const Key bits = std::bit_cast<Key>(x + Float{0});  // -0 + 0 = 0
    return bits & kTop ? ~bits : bits | kTop;
  }
}

// Compares as a pair: equal keys keep their order.
template <class Key>
struct Entry {
  Key key;
  uint32_t at;
  friend bool operator<(const Entry& a, const Entry& b) noexcept {
    return a.key != b.key ? a.key < b.key : a.at < b.at;
  }
};

// Least significant digit first, 8 bits at a time; digits that all keys share cost nothing. Stable. `spare` is scratch.
template <class Key>
void radix_sort(std::vector<Entry<Key>>& entries, std::vector<Entry<Key>>& spare) {
  constexpr int kDigits = sizeof(Key);
  std::vector<uint32_t> counts(kDigits * 256);
  for (const Entry<Key>& entry : entries)
    for (int d = 0; d < kDigits; ++d) ++counts[static_cast<size_t>(d * 256) + (entry.key >> (8 * d) & 255)];
  spare.resize(entries.size());
  for (int d = 0; d < kDigits; ++d) {
    uint32_t* count = counts.data() + d * 256;
    if (count[entries[0].key >> (8 * d) & 255] == entries.size()) continue;
    uint32_t first = 0;
    // Counts become the places where each digit's entries begin.
    for (int v = 0; v < 256; ++v) first += std::exchange(count[v], first);
    for (const Entry<Key>& entry : entries) spare[count[entry.key >> (8 * d) & 255]++] = entry;
    entries.swap(spare);
  }
}

// Keeps the first `count` entries of the sorted order, in any order. An entry that is not below the count-th of those
// seen so far is dropped at once, which most are.
template <class Key, class KeyAt>
void select_front(std::vector<Entry<Key>>& entries, size_t size, size_t count, KeyAt&& key_at) {
  // Room for twice `count` makes a selection, which is linear in the room, come at most once in `count` pushes:
  // constant work for each.
  const size_t room = std::max<size_t>(2 * count, 64);
  const auto middle = static_cast<std::ptrdiff_t>(count) - 1;
  constexpr size_t kBlock = 128;  // keys made at a time, by a loop that vectorises
  Key keys[kBlock];
  Key limit = ~Key{0};
  bool full = false;
  for (size_t first = 0; first < size; first += kBlock) {
    const size_t block = std::min(kBlock, size - first);
    for (size_t j = 0; j < block; ++j) keys[j] = key_at(first + j);
    for (size_t j = 0; j < block; ++j) {
      if (full && keys[j] >= limit) continue;  // of equal keys the earlier wins
      entries.push_back({keys[j], static_cast<uint32_t>(first + j)});
      if (entries.size() < room) continue;
      std::nth_element(entries.begin(), entries.begin() + middle, entries.end());
      entries.resize(count);
      limit = entries.back().key;
      full = true;
    }
  }
  std::nth_element(entries.begin(), entries.begin() + middle, entries.end());
  entries.resize(count);
}

// The first `count` of `size` entries, sorted.
template <class Key, class KeyAt>
void sort_row(std::vector<Entry<Key>>& entries, std::vector<Entry<Key>>& spare, size_t size, size_t count,
              KeyAt&& key_at) {
  constexpr size_t kRadixFrom = 600;  // below it the passes over the digits cost more than comparing
  entries.clear();
  if (count == 0) return;
  if (count < size) {
    select_front(entries, size, count, key_at);
  } else {
    entries.resize(size);
    for (size_t j = 0; j < size; ++j) entries[j] = {key_at(j), static_cast<uint32_t>(j)};
    if (size >= kRadixFrom) return radix_sort(entries, spare);
  }
  std::sort(entries.begin(), entries.end());
}

template <class Key, class T>
void sort_all(Ctx&, const Sort::Args& args, Outputs<Sort>& out) {
  const int dim = static_cast<int>(args.dim);
  const int64_t size = args.input.sizes()[dim], stride = args.input.strides()[dim], count = args.count;
  FARRO_CHECK(size <= int64_t{UINT32_MAX}, ValueError, "sort: the dimension must have less than 2^32 elements, got ",
              size);
  const Surroundings around(args.input.sizes(), args.input.strides(), dim, dim + 1);
  const int64_t inner = around.inner.count();
  const T* from = static_cast<const T*>(args.input.raw_data());
  T* values = static_cast<T*>(out[0].raw_data());
  int64_t* indices = out[1].data<int64_t>();
  // Descending order is ascending order of the complement; equal elements still keep their order.
  const Key flip = args.descending ? ~Key{0} : Key{0};
  parallel_for(around.outer.count() * inner, std::max<int64_t>(4096 / std::max<int64_t>(size, 1), 1),
               [&](int64_t begin, int64_t end) {
                 std::vector<Entry<Key>> entries, spare;
                 for (int64_t row = begin; row < end; ++row) {
                   const int64_t o = row / inner, i = row % inner;
                   const T* base = from + around.outer[o] + around.inner[i];
                   sort_row(entries, spare, static_cast<size_t>(size), static_cast<size_t>(count), [=](size_t j) {
                     return static_cast<Key>(key_of<Key>(base[static_cast<int64_t>(j) * stride]) ^ flip);
                   });
                   for (int64_t j = 0; j < count; ++j) {
                     const int64_t to = (o * count + j) * inner + i, at = entries[static_cast<size_t>(j)].at;
                     values[to] = base[at * stride];
                     indices[to] = at;
                   }
                 }
               });
}

void sort_kernel(Ctx& ctx, const Sort::Args& args, Outputs<Sort>& out) {
  if (args.input.numel() == 0) return;  // of which there may be 2^62 lines
  visit_dtype(args.input.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    sort_all<std::conditional_t<sizeof(T) == 8, uint64_t, uint32_t>, T>(ctx, args, out);
  });
}

}  // namespace

void register_sort_host();
void register_sort_host() { register_kernel<Sort>(DeviceType::cpu, &sort_kernel); }

}  // namespace farro
