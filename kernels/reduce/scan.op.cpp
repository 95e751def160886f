// SPDX-License-Identifier: Apache-2.0
// prod, cumsum and the ops of their gradients. The gradient of a product is the product of the other elements
// (prod_others), whose own gradient is an op, too; beyond that gradients are compositions.
#include <farro/kernels/reduce/scan.op.h>

#include <farro/autograd/call/call.h>
#include <farro/kernels/memory/factories.h>
#include <farro/kernels/pointwise/choose.h>
#include <farro/kernels/reduce/scan.h>
#include <farro/kernels/reduce/sum.h>

namespace farro {

namespace {

// `reads` tensors like the input, one result.
Cost scan_cost(const Tensor& input, double flops, int reads, DType result) {
  const double numel = static_cast<double>(input.numel());
  return {flops * numel, reads * static_cast<double>(input.nbytes()) + numel * static_cast<double>(item_size(result))};
}

// Shape of the input; checks `dim`.
TensorSpec scan_spec(const char* op, const Tensor& input, int64_t dim, DType dtype) {
  normalize_dim(op, dim, input.dim());
  return TensorSpec(input.sizes(), dtype, input.device());
}

void check_floating(const char* op, const Tensor& input) {
  FARRO_CHECK(is_floating(input.dtype()), DTypeError, op, ": input must be floating, got ", input.dtype(),
              " (input: ", input, ")");
}

}  // namespace

TensorSpec Prod::infer(const Args& args) {
  return reduce_spec(info.name, args.input, args.dims, args.keepdim, sum_dtype(args.input.dtype()));
}
Grads Prod::backward(const Back<Prod>& b) {
  const Tensor& input = b.args.input;
  const ReducedFrom from(info.name, input, b.args.dims);
  const Dims dims = from.dims();
  if (dims.empty()) return {b.grad[0].reshape(from.sizes)};
  return {from.keep(b.grad[0]) * prod_others(input, dims[0])};
}

TensorSpec CumSum::infer(const Args& args) {
  return scan_spec(info.name, args.input, args.dim, sum_dtype(args.input.dtype()));
}
// An element is a term of its own sum and of all later ones: the gradient is the sum from the other end.
Grads CumSum::backward(const Back<CumSum>& b) {
  return {call<CumSum>({.input = b.grad[0], .dim = b.args.dim, .reverse = !b.args.reverse})};
}
Cost CumSum::cost(const Args& args) { return scan_cost(args.input, 1, 1, sum_dtype(args.input.dtype())); }

TensorSpec ProdOthers::infer(const Args& args) {
  check_floating(info.name, args.input);
  return scan_spec(info.name, args.input, args.dim, args.input.dtype());
}
Grads ProdOthers::backward(const Back<ProdOthers>& b) {
  return {prod_others_backward(b.grad[0], b.args.input, b.args.dim)};
}
Cost ProdOthers::cost(const Args& args) { return scan_cost(args.input, 3, 1, args.input.dtype()); }

TensorSpec ProdOthersBackward::infer(const Args& args) {
  check_floating(info.name, args.input);
  FARRO_CHECK(args.grad.sizes() == args.input.sizes(), ShapeError, info.name, ": grad must have the input's shape ",
              args.input.sizes(), ", got ", args.grad);
  return scan_spec(info.name, args.input, args.dim, args.input.dtype());
}
Cost ProdOthersBackward::cost(const Args& args) { return scan_cost(args.input, 8, 2, args.input.dtype()); }

namespace {

// With X[i][j] = x[j], but 1 where i == j, out[i] is the product of row i of X: the gradient of X, less the diagonal,
// summed over the rows. Made of public ops.
Tensor composed_gradient(const Tensor& grad, const Tensor& input, int64_t dim) {
  const Tensor x = input.transpose(dim, -1), g = grad.transpose(dim, -1);
  const int64_t n = x.size(-1);
  const Tensor diagonal = eye(n, n, {.dtype = DType::boolean, .device = x.device()});
  const Tensor rows = masked_fill(x.unsqueeze(-2), diagonal, 1);
  return sum(masked_fill(g.unsqueeze(-1) * prod_others(rows, -1), diagonal, 0), {-2}).transpose(dim, -1);
}

}  // namespace

void register_scan();
void register_scan() { register_ops<Prod, CumSum, ProdOthers, ProdOthersBackward>(); }

Tensor prod(const Tensor& input, const Dims& dims, bool keepdim) {
  const uint32_t mask = input.defined() ? reduced_dims(Prod::info.name, input, dims) : 0;
  // At most one bit: one dimension, along which prod_others gives the gradient.
  if (mask == 0 || (mask & (mask - 1)) == 0) return call<Prod>({.input = input, .dims = dims, .keepdim = keepdim});
  // Several dimensions: bring them to the end and make them one.
  Dims order, kept;
  for (int i = 0; i < input.dim(); ++i)
    if (!(mask >> i & 1)) {
      order.push_back(i);
      kept.push_back(input.sizes()[i]);
    }
  for (int i = 0; i < input.dim(); ++i)
    if (mask >> i & 1) order.push_back(i);
  kept.push_back(reduced_count(input.sizes(), mask));
  const Tensor joined = input.permute(order).reshape(kept);
  const Tensor out = call<Prod>({.input = joined, .dims = {-1}, .keepdim = false});
  return keepdim ? out.reshape(reduced_shape(input.sizes(), mask, true)) : out;
}
Tensor cumsum(const Tensor& input, int64_t dim) { return call<CumSum>({.input = input, .dim = dim, .reverse = false}); }
Tensor prod_others(const Tensor& input, int64_t dim) { return call<ProdOthers>({input, dim}); }
Tensor prod_others_backward(const Tensor& grad, const Tensor& input, int64_t dim) {
  const bool recorded =
      grad_enabled() && input.defined() && (input.requires_grad() || (grad.defined() && grad.requires_grad()));
  if (recorded && input.dim() > 0 && input.numel() > 0) return composed_gradient(grad, input, dim);
  // What is left to record has no other element to depend on: a constant.
  return call<ProdOthersBackward>(
      {.grad = recorded ? grad.detach() : grad, .input = recorded ? input.detach() : input, .dim = dim});
}

}  // namespace farro
