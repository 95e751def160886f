// The CPU kernels of embedding: copies and sums of whole rows.
#include <farro/core/util/parallel.h>
#include <farro/kernels/cpu/operand.h>
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

void forward_kernel(const Embedding::Args& args, Outputs<Embedding>& out) {
  const Tensor indices = dense(args.indices);
  check_indices(indices, args.weight.sizes()[0]);
  const size_t item = item_size(args.weight.dtype());
  const int64_t width = args.weight.sizes()[1];
  // Rows are copied in the table's own dtype; a table of other strides is brought into order once.
  Tensor table = args.weight;
  if (!table.is_contiguous()) {
    table = empty(args.weight.sizes(), {.dtype = args.weight.dtype(), .device = Device::cpu()});
    copy_elements(table, args.weight);
  }
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
  const int64_t share = (width + num_threads() - 1) / num_threads();
  const int64_t grain = std::max<int64_t>({65536 / std::max<int64_t>(count, 1), 16, share});
  parallel_for(width, grain, [&](int64_t begin, int64_t end) {
    for (int64_t i = 0; i < count; ++i) {
      if (index[i] == padding) continue;
      for (int64_t j = begin; j < end; ++j) out[index[i] * width + j] += g[i * width + j];
    }
  });
}

void backward_kernel(const EmbeddingBackward::Args& args, Outputs<EmbeddingBackward>& out) {
  const Tensor g = dense(args.grad), indices = dense(args.indices);
  check_indices(indices, args.rows);
  const DenseResult result(out[0]);
  const Tensor& sums = result.tensor();
  if (sums.numel() > 0) std::memset(sums.raw_data(), 0, sums.nbytes());
  const int64_t *index = data_of<int64_t>(indices), width = args.grad.sizes().back();
  if (g.dtype() == DType::f64)
    add_rows(data_of<double>(g), index, indices.numel(), width, args.padding_idx, data_of<double>(sums));
  else
    add_rows(data_of<float>(g), index, indices.numel(), width, args.padding_idx, data_of<float>(sums));
  result.finish();
}

}  // namespace

void register_embedding_kernels();
void register_embedding_kernels() {
  register_kernel<Embedding>(DeviceType::cpu, &forward_kernel, Variant::generic);
  register_kernel<EmbeddingBackward>(DeviceType::cpu, &backward_kernel, Variant::generic);
}

}  // namespace farro
