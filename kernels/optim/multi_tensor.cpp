// SPDX-License-Identifier: Apache-2.0
// Loops over lists of tensors for the optimizers and norms: all tensors together are cut into chunks of one size, so
// that a thousand small parameters cost one parallel loop and a reduction does not depend on the number of threads.
#include <farro/kernels/optim/multi_tensor.h>

#include <farro/core/parallel/parallel.h>
#include <farro/core/util/small_vector.h>
#include <farro/kernels/cpu/convert.h>
#include <farro/kernels/pointwise/host_driver.h>

#include <algorithm>

namespace farro {

namespace {

// Values converted at a time.
constexpr int64_t kBlock = 256;

int64_t chunks_of(const Tensor& tensor) { return (tensor.impl()->numel + kListChunk - 1) / kListChunk; }

// Calls fn(tensor index, first element, elements, chunk number) for every chunk, on several threads where the lists are
// long.
template <class Fn>
void for_each_chunk(TensorList tensors, Fn&& fn) {
  int64_t chunks = 0, elements = 0;
  for (const Tensor& tensor : tensors) {
    chunks += chunks_of(tensor);
    elements += tensor.impl()->numel;
  }
  // All on the calling thread where there is little to do: waking another would take longer.
  parallel_for(chunks, elements <= kPointwiseGrain ? chunks : 1, [&](int64_t begin, int64_t end) {
    int64_t first = 0;  // number of tensor i's first chunk
    for (size_t i = 0; i < tensors.size() && first < end; ++i) {
      const int64_t count = chunks_of(tensors[i]), numel = tensors[i].impl()->numel;
      for (int64_t c = std::max(begin, first); c < std::min(end, first + count); ++c) {
        const int64_t at = (c - first) * kListChunk;
        fn(i, at, std::min(kListChunk, numel - at), c);
      }
      first += count;
    }
  });
}

struct Operand {
  char* data;
  DType dtype;
};

// One chunk, converted block by block where a dtype differs from the compute type.
void run_chunk(std::span<Operand> operands, int read_only, int64_t n, DType compute, ListLoop loop,
               const void* constants) {
  alignas(64) double buffers[kMaxLists][kBlock];
  void* data[kMaxLists];
  const bool converts =
      std::any_of(operands.begin(), operands.end(), [&](const Operand& o) { return o.dtype != compute; });
  if (!converts) {
    for (size_t k = 0; k < operands.size(); ++k) data[k] = operands[k].data;
    return loop(data, n, constants);
  }
  for (int64_t at = 0; at < n; at += kBlock) {
    const int64_t count = std::min(kBlock, n - at);
    for (size_t k = 0; k < operands.size(); ++k) {
      const Operand& operand = operands[k];
      char* source = operand.data + size_t(at) * item_size(operand.dtype);
      data[k] = operand.dtype == compute ? static_cast<void*>(source) : buffers[k];
      if (data[k] != source) load_fn(operand.dtype, compute)(data[k], source, 1, count);
    }
    loop(data, count, constants);
    for (size_t k = 0; k < operands.size(); ++k) {
      const Operand& operand = operands[k];
      // The gradients are not written back.
      if (operand.dtype == compute || static_cast<int>(k) == read_only) continue;
      store_fn(compute, operand.dtype)(operand.data + size_t(at) * item_size(operand.dtype), 1, data[k], count);
    }
  }
}

}  // namespace

void run_lists(std::span<const TensorList> lists, int read_only, const ListLoops& loops, const void* constants) {
  for_each_chunk(lists[0], [&](size_t i, int64_t at, int64_t n, int64_t) {
    Operand operands[kMaxLists];
    for (size_t k = 0; k < lists.size(); ++k) {
      const TensorImpl& impl = *lists[k][i].impl();
      operands[k] = {static_cast<char*>(impl.storage->data()) + size_t(impl.offset + at) * item_size(impl.dtype),
                     impl.dtype};
    }
    const DType compute = compute_type(operands[0].dtype);
    run_chunk({operands, lists.size()}, read_only, n, compute, compute == DType::f64 ? loops.f64 : loops.f32,
              constants);
  });
}

double reduce_list(TensorList tensors, ListReduction f32, ListReduction f64, double p, bool maximum) {
  int64_t chunks = 0;
  for (const Tensor& tensor : tensors) chunks += chunks_of(tensor);
  // One result per chunk, added up in order.
  SmallVector<double, 64> partial(static_cast<size_t>(chunks));
  for_each_chunk(tensors, [&](size_t i, int64_t at, int64_t n, int64_t chunk) {
    const Tensor& tensor = tensors[i];
    const char* data = static_cast<const char*>(tensor.raw_data()) + size_t(at) * item_size(tensor.dtype());
    double& result = partial[static_cast<size_t>(chunk)];
    if (tensor.dtype() == DType::f64) {
      result = f64(data, n, p);
    } else if (tensor.dtype() == DType::f32) {
      result = f32(data, n, p);
    } else {
      alignas(64) float buffer[kListChunk];
      load_fn(tensor.dtype(), DType::f32)(buffer, data, 1, n);
      result = f32(buffer, n, p);
    }
  });
  double total = 0;
  for (double value : partial) total = maximum ? (value > total || value != value ? value : total) : total + value;
  return total;
}

void check_lists(const char* op, std::span<const TensorList> lists, std::span<const char* const> names) {
  for (size_t k = 1; k < lists.size(); ++k)
    FARRO_CHECK(lists[k].size() == lists[0].size(), ValueError, op, ": ", names[k], " must have as many tensors as ",
                names[0], ", ", lists[0].size(), ", got ", lists[k].size());
  for (size_t i = 0; i < lists[0].size(); ++i) {
    const Tensor& first = lists[0][i];
    FARRO_CHECK(first.is_contiguous() || is_dense(first.sizes(), first.strides()), ValueError, op, ": ", names[0], "[",
                i, "] must be dense, got strides ", first.strides(), " (", first, ")");
    for (size_t k = 0; k < lists.size(); ++k) {
      const Tensor& tensor = lists[k][i];
      FARRO_CHECK(is_floating(tensor.dtype()), DTypeError, op, ": ", names[k], "[", i,
                  "] must have a floating dtype, got ", tensor);
      FARRO_CHECK(tensor.sizes() == first.sizes(), ShapeError, op, ": ", names[k], "[", i, "] must have the shape of ",
                  names[0], "[", i, "], ", first.sizes(), ", got ", tensor);
      FARRO_CHECK(tensor.strides() == first.strides() || (tensor.is_contiguous() && first.is_contiguous()), ValueError,
                  op, ": ", names[k], "[", i, "] must have the strides of ", names[0], "[", i, "], ", first.strides(),
                  ", got ", tensor.strides(), " (", tensor, ")");
    }
  }
}

}  // namespace farro
