// The CPU kernels of embedding: copies and sums of whole rows.
#include <farro/core/util/parallel.h>
#include <farro/core/op/op_table.h>
#include <farro/kernels/embedding/embedding.op.h>
#include <farro/kernels/pointwise/copy.op.h>

#include <algorithm>
#include <cstring>

namespace farro {

namespace {

void check_indices(const Tensor& indices, int64_t rows) {
  const int64_t* index = data_of<int64_t>(indices);
  for (int64_t i = 0; i < indices.numel(); ++i)
    FARRO_CHECK(index[i] >= 0 && index[i] < rows, IndexError, "embedding: indices must be in [0, ", rows, "), got ", index[i],
                " at position ", i, " (indices: ", indices, ")");
}

void forward_kernel(Ctx& ctx, const Embedding::Args& args, Outputs<Embedding>& out) {
  const Tensor indices = ctx.dense(args.indices);
  check_indices(indices, args.weight.sizes()[0]);
  const size_t item = item_size(args.weight.dtype());
  const int64_t width = args.weight.sizes()[1];
  // Rows are copied in the table's own dtype; a table of other strides is brought into order once.
  const Tensor table = ctx.dense(args.weight, Layout::contiguous, args.weight.dtype());
  const char* from = static_cast<const char*>(table.raw_data());
  char* to = static_cast<char*>(out[0].raw_data());
  const int64_t* index = data_of<int64_t>(indices);
  const size_t bytes = static_cast<size_t>(width) * item;
  parallel_for(indices.numel(), std::max<int64_t>(65536 / std::max<int64_t>(width, 1), 1), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      std::memcpy(to + static_cast<size_t>(i) * bytes, from + static_cast<size_t>(index[i]) * bytes, bytes);
  });
}

// Each thread owns a range of columns and walks all indices, so that sums keep the order of the indices.
template <class T>
void add_rows(const T* g, const int64_t* index, int64_t count, int64_t width, int64_t padding, T* out) {
  const int64_t grain = std::max<int64_t>(65536 / std::max<int64_t>(count, 1), 16);
  parallel_for(width, grain, [&](int64_t begin, int64_t end) {
    for (int64_t i = 0; i < count; ++i) {
      if (index[i] == padding) continue;
      for (int64_t j = begin; j < end; ++j) out[index[i] * width + j] += g[i * width + j];
    }
  });
}

void backward_kernel(Ctx& ctx, const EmbeddingBackward::Args& args, Outputs<EmbeddingBackward>& out) {
  const Tensor g = ctx.dense(args.grad), indices = ctx.dense(args.indices);
  check_indices(indices, args.rows);
  const Tensor result = ctx.result(out[0]);
  const Tensor& sums = result;
  if (sums.numel() > 0) std::memset(sums.raw_data(), 0, sums.nbytes());
  const int64_t *index = data_of<int64_t>(indices), width = args.grad.sizes().back();
  if (g.dtype() == DType::f64)
    add_rows(data_of<double>(g), index, indices.numel(), width, args.padding_idx, data_of<double>(sums));
  else
    add_rows(data_of<float>(g), index, indices.numel(), width, args.padding_idx, data_of<float>(sums));
}

}  // namespace

void register_embedding_host();
void register_embedding_host() {
  register_kernel<Embedding>(DeviceType::cpu, &forward_kernel);
  register_kernel<EmbeddingBackward>(DeviceType::cpu, &backward_kernel);
}

}  // namespace farro
