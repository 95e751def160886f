// SPDX-License-Identifier: Apache-2.0
// embedding and its gradient as ops. The gradient is dense, of the table's size: a row is the sum of the gradients of
// all places that looked it up.
#include <farro/kernels/embedding/embedding.op.h>

#include <farro/autograd/call/call.h>
#include <farro/kernels/embedding/embedding.h>

namespace farro {

TensorSpec Embedding::infer(const Args& args) {
  FARRO_CHECK(args.weight.dim() == 2, ShapeError, "embedding: weight must have 2 dimensions, got ", args.weight);
  FARRO_CHECK(args.indices.dtype() == DType::i64, DTypeError, "embedding: indices must be i64, got ",
              args.indices.dtype(), " (indices: ", args.indices, ")");
  FARRO_CHECK(args.padding_idx < args.weight.sizes()[0], ValueError, "embedding: padding_idx must be below weight's ",
              args.weight.sizes()[0], " rows, got ", args.padding_idx);
  Shape sizes = args.indices.sizes();
  // A row of the table in the place of each index.
  sizes.push_back(args.weight.sizes()[1]);
  return TensorSpec(sizes, args.weight);
}
Grads Embedding::backward(const Back<Embedding>& b) {
  return {call<EmbeddingBackward>({.grad = b.grad[0],
                                   .indices = b.args.indices,
                                   .rows = b.args.weight.sizes()[0],
                                   .padding_idx = b.args.padding_idx}),
          Tensor()};
}
Cost Embedding::cost(const Args& args) {
  const double moved = static_cast<double>(args.indices.numel()) * static_cast<double>(args.weight.sizes()[1]) *
                       static_cast<double>(item_size(args.weight.dtype()));
  // A row is read and written once for each index; a table is seldom read whole.
  return {0, 2 * moved + static_cast<double>(args.indices.nbytes())};
}

TensorSpec EmbeddingBackward::infer(const Args& args) {
  Shape sizes = args.indices.sizes();
  FARRO_CHECK(args.grad.dim() == sizes.size() + 1, ShapeError,
              "embedding_backward: grad must have one dimension more than indices, got ", args.grad,
              " (indices: ", args.indices, ")");
  sizes.push_back(args.grad.sizes().back());
  FARRO_CHECK(args.grad.sizes() == sizes, ShapeError, "embedding_backward: grad must have shape ", sizes, ", got ",
              args.grad);
  return TensorSpec({args.rows, args.grad.sizes().back()}, args.grad);
}
Grads EmbeddingBackward::backward(const Back<EmbeddingBackward>& b) {
  // backward's backward looks rows up in the gradient of the gradient; the padding row took no part, so it contributes
  // nothing.
  Tensor table = b.grad[0];
  if (b.args.padding_idx >= 0) {
    table = table.clone();
    table.select(0, b.args.padding_idx).zero_();
  }
  return {call<Embedding>({.weight = table, .indices = b.args.indices, .padding_idx = b.args.padding_idx}), Tensor()};
}
Cost EmbeddingBackward::cost(const Args& args) {
  const double row = static_cast<double>(args.grad.sizes().back()) * static_cast<double>(item_size(args.grad.dtype()));
  return {static_cast<double>(args.grad.numel()),
          static_cast<double>(args.grad.nbytes()) + static_cast<double>(args.rows) * row};
}

void register_embedding();
void register_embedding() { register_ops<Embedding, EmbeddingBackward>(); }

Tensor embedding(const Tensor& weight, const Tensor& indices, const EmbeddingOptions& options) {
  return call<Embedding>({.weight = weight, .indices = indices, .padding_idx = options.padding_idx});
}

}  // namespace farro
