// SPDX-License-Identifier: Apache-2.0
// cat as an op. Its gradient is made of views of the incoming one: no bytes are moved.
#include <farro/kernels/index/join.op.h>

#include <farro/autograd/call/call.h>
#include <farro/core/op/promotion.h>
#include <farro/core/tensor/number.h>
#include <farro/kernels/index/join.h>

#include <algorithm>

namespace farro {

// An empty one-dimensional tensor fits any shape, as in PyTorch, where lists are built up from one.
bool Cat::passed_over(const Tensor& tensor) { return tensor.dim() == 1 && tensor.sizes()[0] == 0; }

namespace {
// The tensor that says what the others must look like: the first that is not passed over.
const Tensor& model(TensorList tensors) {
  for (const Tensor& tensor : tensors)
    if (!Cat::passed_over(tensor)) return tensor;
  return tensors[0];
}
}  // namespace

int Cat::along(const Args& args) { return normalize_dim("cat", args.dim, model(args.tensors).dim()); }

TensorSpec Cat::infer(const Args& args) {
  FARRO_CHECK(!args.tensors.empty(), ValueError, "cat: tensors must not be empty, got an empty list");
  const Tensor& like = model(args.tensors);
  FARRO_CHECK(like.dim() > 0, ShapeError, "cat: tensors must have at least one dimension, got ", like,
              "; stack makes a new one");
  const int dim = along(args);
  Shape sizes = like.sizes();
  sizes[dim] = 0;
  for (size_t i = 0; i < args.tensors.size(); ++i) {
    const Tensor& tensor = args.tensors[i];
    if (passed_over(tensor)) continue;
    bool fits = tensor.dim() == sizes.size();
    for (int d = 0; fits && d < sizes.size(); ++d) fits = d == dim || tensor.sizes()[d] == sizes[d];
    FARRO_CHECK(fits, ShapeError, "cat: sizes must agree except in dimension ", dim, ", got ", like.sizes(), " and ",
                tensor.sizes(), " (tensor ", i, ": ", tensor, ")");
    FARRO_CHECK(!__builtin_add_overflow(sizes[dim], tensor.sizes()[dim], &sizes[dim]), ShapeError,
                "cat: the sizes in dimension ", dim, " must add up to less than 2^63 (tensor ", i, ": ", tensor, ")");
  }
  return TensorSpec(sizes, result_type(args.tensors), like.device());
}

Grads Cat::backward(const Back<Cat>& b) {
  Grads result(b.args.tensors.size());
  const int64_t dim = along(b.args);
  int64_t at = 0;
  for (size_t i = 0; i < result.size(); ++i) {
    const Tensor& tensor = b.args.tensors[i];
    if (passed_over(tensor)) continue;
    const int64_t length = tensor.sizes()[static_cast<int>(dim)];
    if (b.need[static_cast<int>(i)]) result[i] = b.grad[0].narrow(dim, at, length);
    at += length;
  }
  return result;
}

Cost Cat::cost(const Args& args) {
  double bytes = 0;
  const double item = static_cast<double>(item_size(result_type(args.tensors)));
  for (const Tensor& tensor : args.tensors)
    bytes += static_cast<double>(tensor.nbytes()) + item * static_cast<double>(tensor.numel());
  return {0, bytes};
}

void register_join();
void register_join() { register_op<Cat>(); }

Tensor cat(TensorList tensors, int64_t dim) { return call<Cat>({tensors, dim}); }
Tensor cat(const std::vector<Tensor>& tensors, int64_t dim) { return cat(TensorList(tensors), dim); }

}  // namespace farro
