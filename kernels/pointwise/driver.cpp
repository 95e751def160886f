#include <farro/kernels/pointwise/driver.h>

#include <farro/core/util/parallel.h>
#include <farro/kernels/cpu/convert.h>

#include <algorithm>

namespace farro {

namespace {

// Values converted at a time; four buffers of doubles stay in the first-level cache.
constexpr int64_t kBlock = 256;

struct Operand {
  char* data;
  DType dtype;
  size_t item;
  int64_t strides[kMaxDims];  // elements, in loop order; 0 where broadcast
};

// Operand 0 is the output.
struct Nest {
  int operands = 0;
  int rank = 0;
  int64_t sizes[kMaxDims];
  Operand ops[kMaxPointwiseInputs + 1];
};

void add_operand(Nest& nest, const TensorImpl& tensor, const Shape& shape) {
  Operand& op = nest.ops[nest.operands++];
  op.dtype = tensor.dtype;
  op.item = item_size(tensor.dtype);
  op.data = static_cast<char*>(tensor.storage->data()) + size_t(tensor.offset) * op.item;
  const int lead = shape.size() - tensor.sizes.size();
  for (int i = 0; i < shape.size(); ++i)
    op.strides[i] = i < lead || tensor.sizes[i - lead] == 1 ? 0 : tensor.strides[i - lead];
}

// Orders dimensions by the output's strides, so that the innermost run is dense in memory where it can be.
void sort_dims(Nest& nest) {
  const Operand& out = nest.ops[0];
  for (int i = 1; i < nest.rank; ++i) {
    for (int j = i; j > 0 && out.strides[j - 1] < out.strides[j]; --j) {
      std::swap(nest.sizes[j - 1], nest.sizes[j]);
      for (int k = 0; k < nest.operands; ++k) std::swap(nest.ops[k].strides[j - 1], nest.ops[k].strides[j]);
    }
  }
}

// Merges neighbouring dimensions that every operand walks as one; drops dimensions of size 1.
void merge_dims(Nest& nest) {
  int kept = 0;
  for (int i = 0; i < nest.rank; ++i) {
    if (nest.sizes[i] == 1) continue;
    bool merges = kept > 0;
    for (int k = 0; merges && k < nest.operands; ++k)
      merges = nest.ops[k].strides[kept - 1] == nest.ops[k].strides[i] * nest.sizes[i];
    if (merges) {
      nest.sizes[kept - 1] *= nest.sizes[i];
      for (int k = 0; k < nest.operands; ++k) nest.ops[k].strides[kept - 1] = nest.ops[k].strides[i];
      continue;
    }
    nest.sizes[kept] = nest.sizes[i];
    for (int k = 0; k < nest.operands; ++k) nest.ops[k].strides[kept] = nest.ops[k].strides[i];
    ++kept;
  }
  if (kept == 0) {
    nest.sizes[0] = 1;
    for (int k = 0; k < nest.operands; ++k) nest.ops[k].strides[0] = 0;
    kept = 1;
  }
  nest.rank = kept;
}

// One run of the innermost dimension, in blocks where something must be converted or gathered.
class Run {
 public:
  Run(const Nest& nest, const PointwiseCall& call) : nest_(nest), call_(call) {
    const int inner = nest.rank - 1;
    const Operand& out = nest.ops[0];
    store_ = out.dtype != call.result || (out.strides[inner] != 1 && nest.sizes[inner] != 1);
    // A loop that writes bool hands over bytes, which are stored through the i64 path by a widening load.
    for (int k = 1; k < nest.operands; ++k) {
      const Operand& in = nest.ops[k];
      scalar_[k - 1] = in.strides[inner] == 0;
      load_[k - 1] = in.dtype != call.compute || (in.strides[inner] != 1 && !scalar_[k - 1]);
      blocked_ = blocked_ || load_[k - 1];
    }
    blocked_ = blocked_ || store_;
  }

  void operator()(char* const* data, int64_t n) {
    const void* in[kMaxPointwiseInputs];
    if (!blocked_) {
      for (int k = 1; k < nest_.operands; ++k) in[k - 1] = data[k];
      call_.loop(data[0], in, scalar_, n, call_.functor);
      return;
    }
    const int inner = nest_.rank - 1;
    for (int64_t at = 0; at < n; at += kBlock) {
      const int64_t count = std::min(kBlock, n - at);
      for (int k = 1; k < nest_.operands; ++k) {
        const Operand& op = nest_.ops[k];
        const char* source = data[k] + size_t(at * op.strides[inner]) * op.item;
        in[k - 1] = source;
        if (!load_[k - 1]) continue;
        load_fn(op.dtype, call_.compute)(buffers_[k], source, op.strides[inner], scalar_[k - 1] ? 1 : count);
        in[k - 1] = buffers_[k];
      }
      const Operand& out = nest_.ops[0];
      char* target = data[0] + size_t(at * out.strides[inner]) * out.item;
      call_.loop(store_ ? static_cast<void*>(buffers_[0]) : target, in, scalar_, count, call_.functor);
      if (store_) store(target, out, out.strides[inner], count);
    }
  }

 private:
  void store(char* target, const Operand& out, int64_t stride, int64_t count) {
    const void* values = buffers_[0];
    if (call_.result == DType::boolean) {
      load_fn(DType::boolean, DType::i64)(buffers_[1], values, 1, count);
      values = buffers_[1];
    }
    store_fn(call_.result == DType::boolean ? DType::i64 : call_.result, out.dtype)(target, stride, values, count);
  }

  const Nest& nest_;
  const PointwiseCall& call_;
  bool scalar_[kMaxPointwiseInputs] = {};
  bool load_[kMaxPointwiseInputs] = {};
  bool store_ = false;
  bool blocked_ = false;
  alignas(64) double buffers_[kMaxPointwiseInputs + 1][kBlock];
};

// Elements [begin, end) of the nest in loop order.
void run_range(const Nest& nest, const PointwiseCall& call, int64_t begin, int64_t end) {
  Run run(nest, call);
  const int inner = nest.rank - 1;
  const int64_t length = nest.sizes[inner];
  int64_t index[kMaxDims] = {};
  int64_t rest = begin;
  for (int i = inner; i >= 0; --i) {
    index[i] = rest % nest.sizes[i];
    rest /= nest.sizes[i];
  }
  while (begin < end) {
    char* data[kMaxPointwiseInputs + 1];
    for (int k = 0; k < nest.operands; ++k) {
      int64_t offset = 0;
      for (int i = 0; i <= inner; ++i) offset += index[i] * nest.ops[k].strides[i];
      data[k] = nest.ops[k].data + offset * static_cast<int64_t>(nest.ops[k].item);
    }
    const int64_t n = std::min(length - index[inner], end - begin);
    run(data, n);
    begin += n;
    index[inner] = 0;
    for (int i = inner - 1; i >= 0 && ++index[i] == nest.sizes[i]; --i) index[i] = 0;
  }
}

// Everything dense, of the right dtypes and of one shape (or a single value): no nest is needed.
bool run_dense(const TensorImpl& out, std::span<const Tensor* const> inputs, const PointwiseCall& call) {
  if (!out.contiguous || out.dtype != call.result) return false;
  const void* in[kMaxPointwiseInputs];
  bool scalar[kMaxPointwiseInputs];
  for (size_t k = 0; k < inputs.size(); ++k) {
    const TensorImpl& impl = *inputs[k]->impl();
    if (impl.dtype != call.compute) return false;
    scalar[k] = impl.numel == 1 && out.numel != 1;
    if (!scalar[k] && !(impl.contiguous && impl.sizes == out.sizes)) {
      if (!(impl.numel == 1 && out.numel == 1)) return false;
    }
    in[k] = inputs[k]->raw_data();
  }
  char* data = static_cast<char*>(out.storage->data()) + size_t(out.offset) * item_size(out.dtype);
  if (out.numel <= kPointwiseGrain) {
    call.loop(data, in, scalar, out.numel, call.functor);
    return true;
  }
  const size_t out_item = item_size(call.result), in_item = item_size(call.compute);
  parallel_for(out.numel, kPointwiseGrain, [&](int64_t begin, int64_t end) {
    const void* part[kMaxPointwiseInputs];
    for (size_t k = 0; k < inputs.size(); ++k)
      part[k] = static_cast<const char*>(in[k]) + (scalar[k] ? 0 : size_t(begin) * in_item);
    call.loop(data + size_t(begin) * out_item, part, scalar, end - begin, call.functor);
  });
  return true;
}

}  // namespace

void run_pointwise(const Tensor& out, std::span<const Tensor* const> inputs, const PointwiseCall& call) {
  const TensorImpl& impl = *out.impl();
  if (run_dense(impl, inputs, call)) return;
  if (impl.numel == 0) return;
  Nest nest;
  nest.rank = impl.sizes.size();
  std::copy(impl.sizes.begin(), impl.sizes.end(), nest.sizes);
  add_operand(nest, impl, impl.sizes);
  for (const Tensor* input : inputs) add_operand(nest, *input->impl(), impl.sizes);
  sort_dims(nest);
  merge_dims(nest);
  parallel_for(impl.numel, kPointwiseGrain, [&](int64_t begin, int64_t end) { run_range(nest, call, begin, end); });
}

}  // namespace farro
