// SPDX-License-Identifier: Apache-2.0
// The CPU kernels of rearrange.h.
#include <farro/core/op/op_table.h>
#include <farro/kernels/index/rearrange.op.h>

#include <farro/core/dtype/visit.h>
#include <farro/core/parallel/parallel.h>
#include <farro/kernels/memory/strided_copy.h>

#include <algorithm>

namespace farro {

namespace {

// Keeps columns [first(i), last(i)) of row i of every matrix.
template <class Range>
void keep_columns(Ctx& ctx, const Tensor& out, const Tensor& input, Range&& range) {
  const Tensor dense = ctx.dense(input, MemoryFormat::contiguous, input.dtype());
  const int64_t columns = dense.size(-1), rows = dense.size(-2);
  if (dense.numel() == 0) return;
  visit_item_size(item_size(dense.dtype()), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T* from = static_cast<const T*>(dense.raw_data());
    T* to = static_cast<T*>(out.raw_data());
    parallel_for(dense.numel() / columns, std::max<int64_t>(32768 / columns, 1), [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) {
        const auto [low, high] = range(r % rows);
        const T* source = from + r * columns;
        T* row = to + r * columns;
        for (int64_t j = 0; j < columns; ++j) row[j] = j >= low && j < high ? source[j] : T{0};
      }
    });
  });
}

void tril_kernel(Ctx& ctx, const Tril::Args& args, Outputs<Tril>& out) {
  // Further out the diagonal changes nothing, but row + diagonal + 1 could overflow.
  const int64_t diagonal = std::clamp<int64_t>(args.diagonal, -args.input.size(-2), args.input.size(-1));
  keep_columns(ctx, out[0], args.input, [=](int64_t row) { return std::pair(int64_t{0}, row + diagonal + 1); });
}

void triu_kernel(Ctx& ctx, const Triu::Args& args, Outputs<Triu>& out) {
  const int64_t columns = args.input.size(-1),
                diagonal = std::clamp<int64_t>(args.diagonal, -args.input.size(-2), columns);
  keep_columns(ctx, out[0], args.input, [=](int64_t row) { return std::pair(row + diagonal, columns); });
}

void flip_kernel(Ctx&, const Flip::Args& args, Outputs<Flip>& out) {
  const Tensor& input = args.input;
  if (input.numel() == 0) return;
  // A flipped dimension is read from its last element on, with the negative stride. Tensors themselves have no negative
  // strides, so flip copies.
  Strides strides = input.strides();
  int64_t start = 0;
  for (int64_t dim : args.dims) {
    const int d = static_cast<int>(dim);
    // The last element along d.
    start += (input.sizes()[d] - 1) * strides[d];
    strides[d] = -strides[d];
  }
  const size_t item = item_size(input.dtype());
  strided_copy(out[0].raw_data(), out[0].strides(),
               static_cast<const char*>(input.raw_data()) + start * static_cast<int64_t>(item), strides, input.sizes(),
               item);
}

}  // namespace

void register_rearrange_host();
void register_rearrange_host() {
  register_kernel<Tril>(DeviceType::cpu, &tril_kernel);
  register_kernel<Triu>(DeviceType::cpu, &triu_kernel);
  register_kernel<Flip>(DeviceType::cpu, &flip_kernel);
}

}  // namespace farro
