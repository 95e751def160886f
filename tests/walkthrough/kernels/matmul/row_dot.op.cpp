// SPDX-License-Identifier: Apache-2.0
// row_dot as an op: its checks, its gradient and the public function.
#include <farro/kernels/matmul/row_dot.op.h>

#include <farro/autograd/call/call.h>
#include <farro/kernels/matmul/row_dot.h>
#include <farro/kernels/pointwise/arithmetic.h>

namespace farro {

TensorSpec RowDot::infer(const Args& args) {
  const Tensor &a = args.a, &b = args.b;
  FARRO_CHECK(a.dim() == 2, ShapeError, info.name, ": a must have 2 dimensions, got ", a.dim(), " (a: ", a, ")");
  FARRO_CHECK(b.sizes() == a.sizes(), ShapeError, info.name, ": b must have the sizes of a, ", a.sizes(), ", got ",
              b.sizes(), " (b: ", b, ")");
  FARRO_CHECK(is_floating(a.dtype()), DTypeError, info.name, ": a must be floating, got ", a.dtype(), " (a: ", a, ")");
  FARRO_CHECK(b.dtype() == a.dtype(), DTypeError, info.name, ": b must have the dtype of a, ", a.dtype(), ", got ",
              b.dtype(), " (b: ", b, ")");
  return TensorSpec({a.size(0)}, a);
}

// dy_i / da_ij = b_ij: the gradient of y as a column, which broadcasts.
Grads RowDot::backward(const Back<RowDot>& b) {
  const Tensor column = b.grad[0].reshape({b.grad[0].size(0), 1});
  return {b.need[0] ? column * b.args.b : Tensor(), b.need[1] ? column * b.args.a : Tensor()};
}

Cost RowDot::cost(const Args& args) {
  const auto read = static_cast<double>(args.a.nbytes() + args.b.nbytes());
  const auto written = static_cast<double>(args.a.size(0)) * static_cast<double>(item_size(args.a.dtype()));
  return {2 * static_cast<double>(args.a.numel()), read + written};
}

void register_row_dot();
void register_row_dot() { register_op<RowDot>(); }

Tensor row_dot(const Tensor& a, const Tensor& b) { return call<RowDot>({a, b}); }

}  // namespace farro
