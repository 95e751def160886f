// SPDX-License-Identifier: Apache-2.0
// The CPU kernels of gather.h.
#include <farro/core/op/op_table.h>
#include <farro/kernels/index/gather.op.h>
#include <farro/kernels/index/index_map.h>
#include <farro/kernels/index/rows.h>

#include <farro/core/dtype/visit.h>
#include <farro/kernels/memory/copy.op.h>

namespace farro {

namespace {

void gather_kernel(Ctx& ctx, const Gather::Args& args, Outputs<Gather>& out) {
  const int dim = static_cast<int>(args.dim);
  const Tensor index = checked_index(ctx, "gather", args.index, 0, args.input.sizes()[dim], dim);
  const Surroundings around(index.sizes(), args.input.strides(), dim, dim + 1);
  const int64_t stride = args.input.strides()[dim], entries = index.sizes()[dim], inner = around.inner.count();
  if (index.numel() == 0) return;
  visit_item_size(item_size(args.input.dtype()), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T* from = static_cast<const T*>(args.input.raw_data());
    parallel_for(around.outer.count() * entries, std::max<int64_t>(kIndexGrain / inner, 1),
                 [&](int64_t begin, int64_t end) {
                   for_each_segment(begin, end, entries, [&](int64_t o, int64_t first, int64_t last) {
                     const T* base = from + around.outer[o];
                     const int64_t* at = index.data<int64_t>() + o * entries * inner;
                     T* to = static_cast<T*>(out[0].raw_data()) + o * entries * inner;
                     // Along the last dimension there is one element per entry, and the inner loop would cost more than
                     // its body.
                     if (inner == 1) {
                       for (int64_t j = first; j < last; ++j) to[j] = base[at[j] * stride];
                     } else {
                       for (int64_t j = first; j < last; ++j)
                         for (int64_t i = 0; i < inner; ++i)
                           to[j * inner + i] = base[at[j * inner + i] * stride + around.inner[i]];
                     }
                   });
                 });
  });
}

void scatter_add_kernel(Ctx& ctx, const ScatterAdd::Args& args, Outputs<ScatterAdd>& out) {
  const int dim = static_cast<int>(args.dim);
  const int64_t slots = args.input.sizes()[dim];
  const Tensor index = checked_index(ctx, "scatter_add", args.index, 0, slots, dim);
  // Long sums of f32 are formed in double. How many terms meet in one place is not known without counting; the number
  // of entries along the dimension bounds it.
  const Accumulator sum(ctx, out[0], args.input, index.sizes()[dim] > kMaxTerms);
  const Tensor src = sum.as_addend(ctx, args.src);
  const Surroundings around(index.sizes(), sum.tensor().strides(), dim, dim + 1);
  const int64_t stride = sum.tensor().strides()[dim], entries = index.sizes()[dim], inner = around.inner.count();
  sum.visit([&](auto tag) {
    using T = typename decltype(tag)::type;
    for_each_region(around, entries, slots,
                    [&](int64_t o, int64_t begin, int64_t end, int64_t slot_begin, int64_t slot_end) {
                      const int64_t* at = index.data<int64_t>() + o * entries * inner;
                      const T* from = src.data<T>() + o * entries * inner;
                      T* base = sum.tensor().data<T>() + around.outer[o];
                      // A region is a range of slots or of columns that belongs to one thread: each place is added to
                      // by one thread, in the order of the entries, so the sum is deterministic without atomics.
                      if (inner == 1 && slot_begin == 0 && slot_end == slots) {
                        for (int64_t j = 0; j < entries; ++j) {
                          T& place = base[at[j] * stride];
                          place = wrapped_sum(place, from[j]);
                        }
                        return;
                      }
                      for (int64_t j = 0; j < entries; ++j)
                        for (int64_t i = begin; i < end; ++i) {
                          const int64_t slot = at[j * inner + i];
                          if (slot < slot_begin || slot >= slot_end) continue;
                          T& place = base[slot * stride + around.inner[i]];
                          place = wrapped_sum(place, from[j * inner + i]);
                        }
                    });
  });
}

void index_select_kernel(Ctx& ctx, const IndexSelect::Args& args, Outputs<IndexSelect>& out) {
  const int dim = static_cast<int>(args.dim);
  const Tensor index = checked_index(ctx, "index_select", args.index, 0, args.input.sizes()[dim], dim);
  take_rows(out[0], args.input, rows_along(args.input, dim, index));
}

void index_add_kernel(Ctx& ctx, const IndexAdd::Args& args, Outputs<IndexAdd>& out) {
  const int dim = static_cast<int>(args.dim);
  const Tensor index = checked_index(ctx, "index_add", args.index, 0, args.input.sizes()[dim], dim);
  const Accumulator sum(ctx, out[0], args.input);
  add_rows(sum, sum.as_addend(ctx, args.src), rows_along(sum.tensor(), dim, index));
}

}  // namespace

void register_gather_host();
void register_gather_host() {
  register_kernel<Gather>(DeviceType::cpu, &gather_kernel);
  register_kernel<ScatterAdd>(DeviceType::cpu, &scatter_add_kernel);
  register_kernel<IndexSelect>(DeviceType::cpu, &index_select_kernel);
  register_kernel<IndexAdd>(DeviceType::cpu, &index_add_kernel);
}

}  // namespace farro
