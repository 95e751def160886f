#include <farro/kernels/index/rows.h>

#include <farro/kernels/pointwise/copy.op.h>
#include <farro/kernels/pointwise/driver.h>

#include <cstring>

namespace farro {

namespace {

// Runs update(target element, value) for every value, each place in the order of the entries.
template <class T, class Update>
void update_rows(T* target, const T* values, const RowMap& rows, Update&& update) {
  const int64_t entries = rows.entries(), inner = rows.around.inner.count();
  const int64_t* slots = rows.slots.data<int64_t>();
  const Offsets &outer_places = rows.around.outer, &places = rows.around.inner;
  for_each_region(rows.around, entries, rows.num_slots,
                  [&](int64_t o, int64_t begin, int64_t end, int64_t slot_begin, int64_t slot_end) {
                    for (int64_t j = 0; j < entries; ++j) {
                      if (slots[j] < slot_begin || slots[j] >= slot_end) continue;
                      T* row = target + outer_places[o] + slots[j] * rows.stride;
                      const T* from = values + (o * entries + j) * inner;
                      if (places.dense()) {
#pragma GCC ivdep
                        for (int64_t i = begin; i < end; ++i) update(row[i], from[i]);
                      } else {
                        for (int64_t i = begin; i < end; ++i) update(row[places[i]], from[i]);
                      }
                    }
                  });
}

template <class T>
void copy_row(T* out, const T* row, const Offsets& places) {
  const int64_t count = places.count();
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

Accumulator::Accumulator(const Tensor& out, const Tensor& input) : out_(out), sum_(out) {
  const DType dtype = compute_type(out.dtype());
  if (dtype != out.dtype()) sum_ = empty(out.sizes(), {.dtype = dtype, .device = out.device()});
  if (!sum_.is_same(input)) copy_elements(sum_, input);
}

void Accumulator::finish() const {
  if (!sum_.is_same(out_)) copy_elements(out_, sum_);
}

void add_rows(const Accumulator& sum, const Tensor& values, const RowMap& rows) {
  sum.visit([&](auto tag) {
    using T = typename decltype(tag)::type;
    update_rows(sum.tensor().data<T>(), values.data<T>(), rows, [](T& place, T value) { place = wrapped_sum(place, value); });
  });
}

}  // namespace farro
