// SPDX-License-Identifier: Apache-2.0
// The CPU kernels of indexing.op.h.
#include <farro/core/op/op_table.h>
#include <farro/kernels/index/indexing.op.h>
#include <farro/kernels/index/rows.h>
#include <farro/kernels/memory/copy.op.h>

#include <numeric>

namespace farro {

namespace {

// The indexed dimensions together, in place or in front, and the others around them.
Surroundings surroundings(const Tensor& tensor, const Dims& dims) {
  if (are_neighbours(dims))
    return Surroundings(tensor.sizes(), tensor.strides(), static_cast<int>(dims[0]), static_cast<int>(dims.back()) + 1);
  Shape sizes;
  Strides strides;
  const auto add = [&](int d) {
    sizes.push_back(tensor.sizes()[d]);
    strides.push_back(tensor.strides()[d]);
  };
  for (int64_t d : dims) add(static_cast<int>(d));
  for (int d = 0, k = 0; d < tensor.dim(); ++d) {
    if (k < dims.size() && dims[k] == d) {
      ++k;
    } else {
      add(d);
    }
  }
  return Surroundings(sizes, strides, 0, dims.size());
}

// The rows that the index tensors name, once these are checked and broadcast. Slots are offsets into the tensor.
RowMap map_rows(Ctx& ctx, const char* op, const Tensor& tensor, TensorList indices, const Dims& dims) {
  Shape places = indices[0].sizes();
  for (const Tensor& index : indices) places = broadcast_shapes(op, places, index.sizes());
  RowMap rows{surroundings(tensor, dims), ctx.scratch_tensor(places, MemoryFormat::contiguous, DType::i64), 1, 1};
  int64_t* slots = rows.slots.data<int64_t>();
  const int64_t entries = rows.slots.numel();
  for (size_t k = 0; k < indices.size(); ++k) {
    const int dim = static_cast<int>(dims[static_cast<int>(k)]);
    const int64_t size = tensor.sizes()[dim], stride = tensor.strides()[dim];
    const Tensor index = ctx.spread(checked_index(ctx, op, indices[k], -size, size, dim), places, DType::i64);
    const int64_t* at = index.data<int64_t>();
    // A slot is the sum over the indexed dimensions of index * stride, at most the sum of (size - 1) * stride;
    // num_slots is one more than the greatest (it began at 1).
    rows.num_slots += std::max<int64_t>(size - 1, 0) * stride;
    parallel_for(entries, kIndexGrain, [&](int64_t begin, int64_t end) {
      for (int64_t j = begin; j < end; ++j) slots[j] = (k ? slots[j] : 0) + (at[j] + (at[j] < 0 ? size : 0)) * stride;
    });
  }
  return rows;
}

void index_kernel(Ctx& ctx, const Index::Args& args, Outputs<Index>& out) {
  take_rows(out[0], args.input, map_rows(ctx, "index", args.input, args.indices, args.dims));
}

void index_put_kernel(Ctx& ctx, const IndexPut::Args& args, Outputs<IndexPut>& out) {
  constexpr const char* op = "index_put_";
  Tensor values =
      ctx.spread(args.values, indexed_shape(op, args.target.sizes(), args.indices, args.dims), args.values.dtype());
  if (values.storage() == out[0].storage()) {  // whole in the target, they would change while they are read
    const Tensor apart = ctx.scratch_tensor(values.sizes(), MemoryFormat::contiguous, values.dtype());
    copy_elements(apart, values);
    values = apart;
  }
  if (args.accumulate) {
    const Accumulator sum(ctx, out[0], args.target);
    add_rows(sum, sum.as_addend(ctx, values), map_rows(ctx, op, sum.tensor(), args.indices, args.dims));
  } else {
    const RowMap rows = map_rows(ctx, op, out[0], args.indices, args.dims);
    if (!out[0].is_same(args.target)) copy_elements(out[0], args.target);
    put_rows(out[0], values, rows);
  }
}

// The flat places of the true elements of `mask`; returns how many. Written without a branch: a random mask would be
// mispredicted half of the time.
int64_t collect(const bool* mask, int64_t first, int64_t last, int64_t* places) noexcept {
  int64_t count = 0;
  for (int64_t i = first; i < last; ++i) {
    places[count] = i;
    count += mask[i];
  }
  return count;
}

// Two passes over chunks of fixed size: count, then write each chunk's places behind those of the chunks before it.
void nonzero_kernel(Ctx& ctx, const Nonzero::Args& args, Outputs<Nonzero>& out) {
  // 32 KiB of places on the stack of each thread.
  constexpr int64_t kChunk = 4096;
  const Tensor mask = ctx.dense(args.mask, MemoryFormat::contiguous, DType::boolean);
  const bool* data = mask.data<bool>();
  const Shape& sizes = mask.sizes();
  const int64_t numel = mask.numel(), chunks = (numel + kChunk - 1) / kChunk, rank = sizes.size();
  std::vector<int64_t> first(static_cast<size_t>(chunks) + 1);
  parallel_for(chunks, kIndexGrain / kChunk, [&](int64_t begin, int64_t end) {
    for (int64_t c = begin; c < end; ++c)
      first[static_cast<size_t>(c) + 1] =
          std::accumulate(data + c * kChunk, data + std::min(numel, (c + 1) * kChunk), int64_t{0});
  });
  std::partial_sum(first.begin(), first.end(), first.begin());
  FARRO_CHECK(first.back() == args.count, ValueError, "nonzero: mask must have ", args.count, " true elements, got ",
              first.back(), "; was it changed by another thread?");
  int64_t* places = out[0].data<int64_t>();
  parallel_for(chunks, kIndexGrain / kChunk, [&](int64_t begin, int64_t end) {
    int64_t flat[kChunk];
    for (int64_t c = begin; c < end; ++c) {
      const int64_t count = collect(data, c * kChunk, std::min(numel, (c + 1) * kChunk), flat);
      int64_t* to = places + first[static_cast<size_t>(c)] * rank;
      for (int64_t k = 0; k < count; ++k, to += rank) {
        // Unsigned: division by a size that the compiler does not know is cheaper without signs.
        uint64_t rest = static_cast<uint64_t>(flat[k]);
        for (int d = sizes.size() - 1; d > 0; --d) {
          const uint64_t size = static_cast<uint64_t>(sizes[d]);
          to[d] = static_cast<int64_t>(rest % size);
          rest /= size;
        }
        if (rank > 0) to[0] = static_cast<int64_t>(rest);
      }
    }
  });
}

}  // namespace

void register_indexing_host();
void register_indexing_host() {
  register_kernel<Index>(DeviceType::cpu, &index_kernel);
  register_kernel<IndexPut>(DeviceType::cpu, &index_put_kernel);
  register_kernel<Nonzero>(DeviceType::cpu, &nonzero_kernel);
}

}  // namespace farro
