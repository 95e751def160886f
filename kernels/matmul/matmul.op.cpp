// SPDX-License-Identifier: Apache-2.0
// matmul and linear as ops, and bmm and addmm, which are made of them. Leading dimensions broadcast as batches;
// one-dimensional operands become a row or a column, which is dropped from the result.
#include <farro/kernels/matmul/matmul.op.h>

#include <farro/autograd/call/call.h>
#include <farro/core/tensor/number.h>
#include <farro/kernels/matmul/matmul.h>
#include <farro/kernels/pointwise/arithmetic.h>
#include <farro/kernels/pointwise/widen.h>

#include <cmath>

namespace farro {

namespace {

void check_dtypes(const char* op, const char* first, const Tensor& a, const char* second, const Tensor& b) {
  FARRO_CHECK(a.dtype() == b.dtype(), DTypeError, op, ": ", first, " and ", second, " must have one dtype, got ",
              a.dtype(), " and ", b.dtype(), " (", first, ": ", a, ", ", second, ": ", b, ")");
  FARRO_CHECK(a.dtype() != DType::boolean, DTypeError, op, ": ", first, " must be a number, got bool (", first, ": ", a,
              ")");
}

// An integer product takes integer factors only, and stays integer.
void check_factor(const char* op, const char* name, double factor, const Tensor& a) {
  FARRO_CHECK(is_floating(a.dtype()) || factor == std::floor(factor), DTypeError, op, ": ", name,
              " must be a whole number for integer tensors, got ", factor, " (a: ", a, ")");
}
Scalar factor_for(const Tensor& tensor, double factor) {
  return is_floating(tensor.dtype()) ? Scalar(factor) : Scalar(Scalar(factor).to_int());
}

Shape without_last(const Shape& sizes, int count) {
  return Shape(std::span<const int64_t>(sizes).first(static_cast<size_t>(sizes.size() - count)));
}

double numel_of(const Shape& sizes) {
  double numel = 1;
  for (int64_t size : sizes) numel *= static_cast<double>(size);
  return numel;
}

Tensor swap_last(const Tensor& t) { return t.transpose(-2, -1); }

// All leading dimensions as rows.
Tensor as_rows(const Tensor& t) {
  if (t.dim() == 2) return t;
  int64_t rows = 1;
  for (int i = 0; i + 1 < t.dim(); ++i) rows *= t.sizes()[i];
  return t.reshape({rows, t.sizes().back()});
}

// The sum over all rows of a^T b: the gradient of one matrix that multiplied every row of a batch.
Tensor rows_product(const Tensor& a, const Tensor& b) { return matmul(as_rows(a).t(), as_rows(b)); }

// The sum over all batches of a b^T: the gradient of one matrix that multiplied every matrix of a batch.
Tensor columns_product(const Tensor& a, const Tensor& b) {
  return matmul(as_rows(swap_last(a)).t(), as_rows(swap_last(b)));
}

// A multiplication and an addition for each of m n k terms.
Cost product_cost(double m, double n, double k, const Tensor& a, const Tensor& b) {
  return {2 * m * n * k, static_cast<double>(a.nbytes()) + static_cast<double>(b.nbytes()) +
                             m * n * static_cast<double>(item_size(a.dtype()))};
}

}  // namespace

TensorSpec Matmul::infer(const Args& args) {
  const Tensor &a = args.a, &b = args.b;
  check_dtypes(info.name, "a", a, "b", b);
  FARRO_CHECK(a.dim() >= 2 && b.dim() >= 2, ShapeError, "matmul: a and b must have at least 1 dimension, got a: ", a,
              ", b: ", b);
  const Shape &sa = a.sizes(), &sb = b.sizes();
  const int64_t inner = sb[sb.size() - 2];
  FARRO_CHECK(sa.back() == inner, ShapeError, "matmul: the last size of a must equal the last but one of b, got ",
              sa.back(), " and ", inner, " (a: ", a, ", b: ", b, ")");
  Shape sizes;
  if (sa.size() > 2 || sb.size() > 2) sizes = broadcast_shapes(info.name, without_last(sa, 2), without_last(sb, 2));
  sizes.push_back(sa[sa.size() - 2]);
  sizes.push_back(sb.back());
  return TensorSpec(sizes, a);
}

Grads Matmul::backward(const Back<Matmul>& b) {
  const Tensor &x = b.args.a, &y = b.args.b, &g = b.grad[0];
  // C = A B: dA = G B^T, dB = A^T G.
  const bool shared_x = x.dim() == 2 && y.dim() > 2;  // one matrix for all batches of y
  const bool shared_y = y.dim() == 2 && x.dim() > 2;
  const bool broadcast =
      without_last(x.sizes(), 2) != without_last(y.sizes(), 2);  // some batches are shared by several
  Grads out(2);
  // Where batches share a matrix, their gradients are summed: in one product over all of them, or by the engine, which
  // then gets them in f32.
  if (b.need[0]) {
    if (shared_x)
      out[0] = columns_product(g, y);
    else if (broadcast && !shared_y)
      out[0] = matmul(widened(g), swap_last(widened(y)));
    else
      out[0] = matmul(g, swap_last(y));
  }
  if (b.need[1]) {
    if (shared_y)
      out[1] = rows_product(x, g);
    else if (broadcast && !shared_x)
      out[1] = matmul(swap_last(widened(x)), widened(g));
    else
      out[1] = matmul(swap_last(x), g);
  }
  return out;
}
Cost Matmul::cost(const Args& args) {
  const Shape out = infer(args).sizes;
  return product_cost(numel_of(without_last(out, 1)), static_cast<double>(out.back()),
                      static_cast<double>(args.a.sizes().back()), args.a, args.b);
}

TensorSpec Linear::infer(const Args& args) {
  const Tensor &x = args.x, &weight = args.weight, &bias = args.bias;
  check_dtypes(info.name, "x", x, "weight", weight);
  FARRO_CHECK(x.dim() >= 1, ShapeError, "linear: x must have at least 1 dimension, got ", x);
  FARRO_CHECK(weight.dim() == 2, ShapeError, "linear: weight must have 2 dimensions (out, in), got ", weight);
  FARRO_CHECK(x.sizes().back() == weight.sizes()[1], ShapeError,
              "linear: the last size of x must equal weight's in size ", weight.sizes()[1], ", got ", x.sizes().back(),
              " (x: ", x, ", weight: ", weight, ")");
  if (bias.defined()) {
    check_dtypes(info.name, "x", x, "bias", bias);
    FARRO_CHECK(bias.dim() == 1 && bias.sizes()[0] == weight.sizes()[0], ShapeError, "linear: bias must have shape [",
                weight.sizes()[0], "], got ", bias.sizes(), " (bias: ", bias, ")");
  }
  Shape sizes = x.sizes();
  sizes[sizes.size() - 1] = weight.sizes()[0];
  return TensorSpec(sizes, x);
}
Grads Linear::backward(const Back<Linear>& b) {
  const Tensor& g = b.grad[0];
  Grads out(3);
  // y = x W^T + b: dx = G W, dW = G^T x, db = the sum of G's rows.
  if (b.need[0]) out[0] = matmul(g, b.args.weight);
  if (b.need[1]) out[1] = rows_product(g, b.args.x);
  if (b.need[2]) out[2] = g.dim() == 1 ? g : as_rows(g).sum({0});
  return out;
}
Cost Linear::cost(const Args& args) {
  const double rows = numel_of(without_last(args.x.sizes(), 1));
  const double n = static_cast<double>(args.weight.sizes()[0]), k = static_cast<double>(args.weight.sizes()[1]);
  Cost cost = product_cost(rows, n, k, args.x, args.weight);
  if (args.bias.defined()) {
    cost.flops += rows * n;
    cost.bytes += static_cast<double>(args.bias.nbytes());
  }
  return cost;
}

void register_matmul();
void register_matmul() { register_ops<Matmul, Linear>(); }

Tensor matmul(const Tensor& a, const Tensor& b) {
  const bool row = a.defined() && a.dim() == 1, column = b.defined() && b.dim() == 1;
  if (!row && !column) [[likely]]
    return call<Matmul>({a, b});
  const Tensor left = row ? a.unsqueeze(0) : a, right = column ? b.unsqueeze(1) : b;
  Tensor out = call<Matmul>({left, right});
  if (column) out = out.squeeze(-1);
  return row ? out.squeeze(column ? -1 : -2) : out;
}

Tensor bmm(const Tensor& a, const Tensor& b) {
  check_defined("bmm", "a", a);
  check_defined("bmm", "b", b);
  FARRO_CHECK(a.dim() == 3 && b.dim() == 3, ShapeError, "bmm: a and b must have 3 dimensions, got a: ", a, ", b: ", b);
  FARRO_CHECK(a.sizes()[0] == b.sizes()[0], ShapeError, "bmm: a and b must have one batch size, got ", a.sizes()[0],
              " and ", b.sizes()[0], " (a: ", a, ", b: ", b, ")");
  FARRO_CHECK(a.sizes()[2] == b.sizes()[1], ShapeError,
              "bmm: the last size of a must equal the last but one of b, got ", a.sizes()[2], " and ", b.sizes()[1],
              " (a: ", a, ", b: ", b, ")");
  check_dtypes("bmm", "a", a, "b", b);
  return call<Matmul>({a, b});
}

Tensor addmm(const Tensor& input, const Tensor& a, const Tensor& b, double beta, double alpha) {
  check_defined("addmm", "input", input);
  check_defined("addmm", "a", a);
  check_defined("addmm", "b", b);
  FARRO_CHECK(a.dim() == 2 && b.dim() == 2, ShapeError, "addmm: a and b must have 2 dimensions, got a: ", a,
              ", b: ", b);
  check_dtypes("addmm", "input", input, "a", a);
  check_factor("addmm", "beta", beta, a);
  check_factor("addmm", "alpha", alpha, a);
  FARRO_CHECK(a.sizes()[1] == b.sizes()[0], ShapeError, "addmm: the last size of a must equal the first of b, got ",
              a.sizes()[1], " and ", b.sizes()[0], " (a: ", a, ", b: ", b, ")");
  check_dtypes("addmm", "a", a, "b", b);
  const Shape sizes{a.sizes()[0], b.sizes()[1]};
  FARRO_CHECK(input.dim() <= 2 && broadcast_shapes("addmm", sizes, input.sizes()) == sizes, ShapeError,
              "addmm: input must broadcast to the product's shape ", sizes, ", got ", input);
  // A half result is rounded once, behind the sum; a beta of 0 leaves input out, even NaN.
  const bool plain = beta == 0 && alpha == 1;
  const Tensor product = plain ? matmul(a, b) : matmul(widened(a), widened(b));
  // input broadcasts, the product does not.
  const Tensor base = widened(input.expand(product.sizes()));
  if (plain) return product;
  if (beta == 0) return (product * factor_for(product, alpha)).to(a.dtype());
  return add(beta == 1 ? base : base * factor_for(base, beta), product, alpha).to(a.dtype());
}

Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  return call<Linear>({.x = x, .weight = weight, .bias = bias});
}

Tensor Tensor::matmul(const Tensor& other) const { return farro::matmul(*this, other); }

}  // namespace farro
