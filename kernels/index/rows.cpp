#include <farro/kernels/index/rows.h>

#include <farro/kernels/pointwise/copy.op.h>
#include <farro/kernels/pointwise/driver.h>

#include <cstring>

namespace farro {

namespace {

// Runs update(target element, value) for every value, each place in the order of the entries.
template <class T, class Update>
void update_rows(T* target, const T* values, const RowMap& rows, Update&& update) {
  const Surroundings& around = rows.around;
  const int64_t entries = rows.entries(), inner = around.inner_size();
  const int64_t* places = around.inner.data();
  for_each_region(around, entries, rows.slots,
                  [&](int64_t o, int64_t begin, int64_t end, int64_t slot_begin, int64_t slot_end) {
                    for (int64_t j = 0; j < entries; ++j) {
                      const int64_t slot = rows.slot[static_cast<size_t>(j)];
                      if (slot < slot_begin || slot >= slot_end) continue;
                      T* row = target + around.outer[static_cast<size_t>(o)] + rows.offset[static_cast<size_t>(j)];
                      const T* from = values + (o * entries + j) * inner;
                      if (around.dense_inner) {
#pragma GCC ivdep
                        for (int64_t i = begin; i < end; ++i) update(row[i], from[i]);
                      } else {
                        for (int64_t i = begin; i < end; ++i) update(row[places[i]], from[i]);
                      }
                    }
                  });
}

template <class T>
void take(T* to, const T* from, const RowMap& rows) {
  const Surroundings& around = rows.around;
  const int64_t entries = rows.entries(), inner = around.inner_size();
  const int64_t* places = around.inner.data();
  parallel_for(around.outer_size() * entries, std::max<int64_t>(kIndexGrain / std::max<int64_t>(inner, 1), 1),
               [&](int64_t begin, int64_t end) {
                 for (int64_t r = begin; r < end; ++r) {
                   const T* row = from + around.outer[static_cast<size_t>(r / entries)] +
                                  rows.offset[static_cast<size_t>(r % entries)];
                   T* out = to + r * inner;
                   if (around.dense_inner && inner >= 8) {
                     std::memcpy(out, row, static_cast<size_t>(inner) * sizeof(T));
                   } else {
                     for (int64_t i = 0; i < inner; ++i) out[i] = row[places[i]];
                   }
                 }
               });
}

}  // namespace

RowMap rows_along(const Tensor& tensor, int dim, const Tensor& index) {
  const int64_t* at = index.data<int64_t>();
  RowMap rows{
      Surroundings(tensor.sizes(), tensor.strides(), dim, dim + 1), {}, {at, at + index.numel()}, tensor.sizes()[dim]};
  rows.offset.reserve(rows.slot.size());
  for (int64_t slot : rows.slot) rows.offset.push_back(slot * tensor.strides()[dim]);
  return rows;
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
    update_rows(sum.tensor().data<T>(), values.data<T>(), rows, [](T& place, T value) { place += value; });
  });
}

}  // namespace farro
