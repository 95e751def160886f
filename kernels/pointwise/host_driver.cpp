// SPDX-License-Identifier: Apache-2.0
// The CPU driver of elementwise ops: broadcasting, strides, dtypes and threads. An op's loop sees dense runs of one of
// three types; what is strided or of another dtype passes through buffers of 256 values.
#include <farro/kernels/pointwise/host_driver.h>

#include <farro/core/parallel/parallel.h>
#include <farro/kernels/cpu/convert.h>
#include <farro/kernels/pointwise/nest.h>

#include <algorithm>

namespace farro {

namespace {

// Values converted at a time; four buffers of doubles stay in the first-level cache.
constexpr int64_t kBlock = 256;

using Nest = PointwiseNest;
using Operand = PointwiseOperand;

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
      // A stride of 0 is one value for the whole run: it is converted once.
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
  // Where in the nest the range begins; from there it goes on run by run.
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
    // An input that broadcasts to the output and has as many elements has its shape, but for leading ones.
    if (!scalar[k] && !(impl.contiguous && impl.numel == out.numel)) return false;
    in[k] = static_cast<const char*>(impl.storage->data()) + size_t(impl.offset) * item_size(impl.dtype);
  }
  char* data = static_cast<char*>(out.storage->data()) + size_t(out.offset) * item_size(out.dtype);
  // Without the parallel loop's bookkeeping: most tensors of small networks are this size.
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
  const Nest nest = make_pointwise_nest(out, inputs);
  parallel_for(impl.numel, kPointwiseGrain, [&](int64_t begin, int64_t end) { run_range(nest, call, begin, end); });
}

}  // namespace farro
