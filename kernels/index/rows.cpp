// SPDX-License-Identifier: Apache-2.0
// Taking, putting and adding whole rows: the loops behind index_select, index_add, index expressions and embedding.
// Sums are deterministic: each place belongs to one thread, which adds in the entries' order.
#include <farro/kernels/index/rows.h>

#include <farro/kernels/memory/copy.op.h>
#include <farro/kernels/pointwise/host_driver.h>

#include <cstring>
#include <type_traits>
#include <unordered_map>
#include <vector>

namespace farro {

namespace {

// Runs update(target element, value) for every value, each place in the order of the entries; entries of a negative
// slot are passed over.
template <class T, class V, class Update>
void update_rows(T* target, const V* values, const RowMap& rows, Update&& update) {
  const int64_t entries = rows.entries(), inner = rows.around.inner.count();
  const int64_t* slots = rows.slots.data<int64_t>();
  const Offsets &outer_places = rows.around.outer, &places = rows.around.inner;
  for_each_region(rows.around, entries, rows.num_slots,
                  [&](int64_t o, int64_t begin, int64_t end, int64_t slot_begin, int64_t slot_end) {
                    for (int64_t j = 0; j < entries; ++j) {
                      if (slots[j] < slot_begin || slots[j] >= slot_end) continue;
                      T* row = target + outer_places[o] + slots[j] * rows.stride;
                      const V* from = values + (o * entries + j) * inner;
                      if (places.dense()) {
#pragma GCC ivdep
                        for (int64_t i = begin; i < end; ++i) update(row[i], from[i]);
                      } else {
                        for (int64_t i = begin; i < end; ++i) update(row[places[i]], from[i]);
                      }
                    }
                  });
}

// The entries of places that get more than kMaxTerms of them, numbered apart: f32 sums of many terms are made in
// double.
struct Crowded {
  std::vector<int64_t> places;  // the slot of each
  Tensor slots, other_slots;    // of every entry: its number here or -1, its slot or -1 where it is here
};

// Which places they are is found by counting, once for all columns.
Crowded find_crowded(const RowMap& rows) {
  Crowded crowded;
  const int64_t entries = rows.entries(), *slots = rows.slots.data<int64_t>();
  if (entries <= kMaxTerms) return crowded;
  // Few entries of a large tensor are not worth a table of its places.
  const bool dense = rows.num_slots <= 16 * entries;
  std::vector<int32_t> table(dense ? static_cast<size_t>(rows.num_slots) : 0);
  std::unordered_map<int64_t, int32_t> map;
  const auto count_of = [&](int64_t slot) -> int32_t& { return dense ? table[static_cast<size_t>(slot)] : map[slot]; };
  for (int64_t j = 0; j < entries; ++j)
    if (slots[j] >= 0) {
      int32_t& count = count_of(slots[j]);
      if (count <= kMaxTerms && ++count > kMaxTerms) crowded.places.push_back(slots[j]);
    }
  if (crowded.places.empty()) return crowded;
  // From here on the table holds -1 - n for the n-th crowded place, and counts of at least 0 for the others.
  for (size_t n = 0; n < crowded.places.size(); ++n) count_of(crowded.places[n]) = -1 - static_cast<int32_t>(n);
  crowded.slots = empty({entries}, {.dtype = DType::i64, .device = Device::cpu()});
  crowded.other_slots = empty({entries}, {.dtype = DType::i64, .device = Device::cpu()});
  int64_t *own = crowded.slots.data<int64_t>(), *other = crowded.other_slots.data<int64_t>();
  for (int64_t j = 0; j < entries; ++j) {
    const int32_t count = slots[j] >= 0 ? count_of(slots[j]) : 0;
    own[j] = count < 0 ? -1 - int64_t{count} : -1;
    other[j] = count < 0 ? -1 : slots[j];
  }
  return crowded;
}

void add_floats(float* target, const float* values, const RowMap& rows) {
  const auto add = [](auto& place, float value) { place += value; };
  const Crowded crowded = find_crowded(rows);
  if (crowded.places.empty()) return update_rows(target, values, rows, add);
  const Offsets &outer_places = rows.around.outer, &inner_places = rows.around.inner;
  const int64_t count = static_cast<int64_t>(crowded.places.size());
  const int64_t outer = outer_places.count(), inner = inner_places.count();
  // Three steps: crowded places move to a buffer of doubles, everything is added (there or in place), and the buffer
  // moves back, rounded once.
  const Tensor sums = empty({outer, count, inner}, {.dtype = DType::f64, .device = Device::cpu()});
  double* sum = sums.data<double>();
  // move(target element, its sum) for all of them.
  const auto each = [&](auto&& move) {
    for (int64_t o = 0; o < outer; ++o)
      for (int64_t n = 0; n < count; ++n) {
        float* row = target + outer_places[o] + crowded.places[static_cast<size_t>(n)] * rows.stride;
        double* own = sum + (o * count + n) * inner;
        for (int64_t i = 0; i < inner; ++i) move(row[inner_places[i]], own[i]);
      }
  };
  each([](float value, double& own) { own = static_cast<double>(value); });
  update_rows(sum, values, {Surroundings(sums.sizes(), sums.strides(), 1, 2), crowded.slots, inner, count},
              [](double& place, float value) { place += static_cast<double>(value); });
  update_rows(target, values, {rows.around, crowded.other_slots, rows.stride, rows.num_slots}, add);
  each([](float& value, double own) { value = static_cast<float>(own); });
}

template <class T>
void copy_row(T* out, const T* row, const Offsets& places) {
  const int64_t count = places.count();
  // A call of memcpy costs more than a few elements.
  if (places.dense() && count >= 16) {
    std::memcpy(out, row, static_cast<size_t>(count) * sizeof(T));
  } else if (places.dense()) {
    for (int64_t i = 0; i < count; ++i) out[i] = row[i];
  } else {
    for (int64_t i = 0; i < count; ++i) out[i] = row[places[i]];
  }
}

template <class T>
void take(T* out, const T* from, const RowMap& rows) {
  const int64_t entries = rows.entries(), inner = rows.around.inner.count(), stride = rows.stride;
  if (entries == 0 || inner == 0) return;
  const int64_t* slots = rows.slots.data<int64_t>();
  parallel_for(rows.around.outer.count() * entries, std::max<int64_t>(kIndexGrain / inner, 1),
               [&](int64_t begin, int64_t end) {
                 for_each_segment(begin, end, entries, [&](int64_t o, int64_t first, int64_t last) {
                   const T* base = from + rows.around.outer[o];
                   T* to = out + o * entries * inner;
                   if (inner == 1) {
                     for (int64_t j = first; j < last; ++j) to[j] = base[slots[j] * stride];
                   } else {
                     for (int64_t j = first; j < last; ++j)
                       copy_row(to + j * inner, base + slots[j] * stride, rows.around.inner);
                   }
                 });
               });
}

}  // namespace

RowMap rows_along(const Tensor& tensor, int dim, const Tensor& index) {
  return {Surroundings(tensor.sizes(), tensor.strides(), dim, dim + 1), index, tensor.strides()[dim],
          tensor.sizes()[dim]};
}

void take_rows(const Tensor& out, const Tensor& input, const RowMap& rows) {
  visit_item_size(item_size(input.dtype()), [&](auto tag) {
    using T = typename decltype(tag)::type;
    take(static_cast<T*>(out.raw_data()), static_cast<const T*>(input.raw_data()), rows);
  });
}

void put_rows(const Tensor& target, const Tensor& values, const RowMap& rows) {
  visit_item_size(item_size(target.dtype()), [&](auto tag) {
    using T = typename decltype(tag)::type;
    update_rows(static_cast<T*>(target.raw_data()), static_cast<const T*>(values.raw_data()), rows,
                [](T& place, T value) { place = value; });
  });
}

Accumulator::Accumulator(Ctx& ctx, const Tensor& out, const Tensor& input, bool many_terms) : sum_(out) {
  const DType dtype = many_terms && is_floating(out.dtype()) ? DType::f64 : compute_type(out.dtype());
  if (dtype != out.dtype()) sum_ = ctx.result(out, MemoryFormat::contiguous, dtype);
  // The sum begins with what is there.
  if (!sum_.is_same(input)) copy_elements(sum_, input);
}

void add_rows(const Accumulator& sum, const Tensor& values, const RowMap& rows) {
  sum.visit([&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (std::is_same_v<T, float>)
      add_floats(sum.tensor().data<T>(), values.data<T>(), rows);
    else
      update_rows(sum.tensor().data<T>(), values.data<T>(), rows,
                  [](T& place, T value) { place = wrapped_sum(place, value); });
  });
}

}  // namespace farro
