// SPDX-License-Identifier: Apache-2.0
// The CPU kernels of embedding: copies and sums of whole rows.
#include <farro/core/op/op_table.h>
#include <farro/core/parallel/parallel.h>
#include <farro/kernels/embedding/embedding.op.h>
#include <farro/kernels/index/rows.h>
#include <farro/kernels/memory/copy.op.h>

#include <algorithm>
#include <cstring>

namespace farro {

namespace {

void check_indices(const Tensor& indices, int64_t rows) {
  const int64_t* index = data_of<int64_t>(indices);
  for (int64_t i = 0; i < indices.numel(); ++i)
    FARRO_CHECK(index[i] >= 0 && index[i] < rows, IndexError, "embedding: indices must be in [0, ", rows, "), got ",
                index[i], " at position ", i, " (indices: ", indices, ")");
}

void forward_kernel(Ctx& ctx, const Embedding::Args& args, Outputs<Embedding>& out) {
  const Tensor indices = ctx.dense(args.indices);
  check_indices(indices, args.weight.sizes()[0]);
  const size_t item = item_size(args.weight.dtype());
  const int64_t width = args.weight.sizes()[1];
  // Rows are copied in the table's own dtype; a table of other strides is brought into order once.
  const Tensor table = ctx.dense(args.weight, MemoryFormat::contiguous, args.weight.dtype());
  const char* from = static_cast<const char*>(table.raw_data());
  char* to = static_cast<char*>(out[0].raw_data());
  const int64_t* index = data_of<int64_t>(indices);
  const size_t bytes = static_cast<size_t>(width) * item;
  parallel_for(
      indices.numel(), std::max<int64_t>(65536 / std::max<int64_t>(width, 1), 1), [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i)
          std::memcpy(to + static_cast<size_t>(i) * bytes, from + static_cast<size_t>(index[i]) * bytes, bytes);
      });
}

void backward_kernel(Ctx& ctx, const EmbeddingBackward::Args& args, Outputs<EmbeddingBackward>& out) {
  // The sum of gradient rows per table row. Entries of padding_idx get the slot -1, which add_rows passes over.
  const Tensor g = ctx.dense(args.grad), indices = ctx.dense(args.indices);
  check_indices(indices, args.rows);
  const Tensor sums = ctx.result(out[0]);
  if (sums.numel() > 0) std::memset(sums.raw_data(), 0, sums.nbytes());
  Tensor slots = indices;
  if (args.padding_idx >= 0) {
    slots = ctx.scratch_tensor(indices.sizes(), MemoryFormat::contiguous, DType::i64);
    std::replace_copy(data_of<int64_t>(indices), data_of<int64_t>(indices) + indices.numel(), data_of<int64_t>(slots),
                      args.padding_idx, int64_t{-1});
  }
  const Accumulator sum(ctx, sums, sums);
  add_rows(sum, g, {Surroundings(sums.sizes(), sums.strides(), 0, 1), slots, args.grad.sizes().back(), args.rows});
}

}  // namespace

void register_embedding_host();
void register_embedding_host() {
  register_kernel<Embedding>(DeviceType::cpu, &forward_kernel);
  register_kernel<EmbeddingBackward>(DeviceType::cpu, &backward_kernel);
}

}  // namespace farro
