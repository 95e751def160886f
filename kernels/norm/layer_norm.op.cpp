// SPDX-License-Identifier: Apache-2.0
// layer_norm and rms_norm as ops, with their gradients as ops of their own and the second derivative as a composition
// (double_backward). Statistics are outputs of the forward, kept for the backward.
#include <farro/kernels/norm/layer_norm.op.h>

#include <farro/autograd/call/call.h>
#include <farro/core/tensor/number.h>
#include <farro/kernels/norm/layer_norm.h>
#include <farro/kernels/pointwise/arithmetic.h>
#include <farro/kernels/pointwise/widen.h>
#include <farro/kernels/reduce/sum.h>

#include <limits>

namespace farro {

namespace {

// The normalised dimensions.
Dims row_dims(const Tensor& x, int64_t dims) {
  Dims list;
  for (int64_t i = x.dim() - dims; i < x.dim(); ++i) list.push_back(i);
  return list;
}
// The others.
Dims lead_dims(const Tensor& x, int64_t dims) {
  Dims list;
  for (int64_t i = 0; i < x.dim() - dims; ++i) list.push_back(i);
  return list;
}
Shape row_sizes(const Tensor& x, int64_t dims) {
  return Shape(std::span<const int64_t>(x.sizes()).last(static_cast<size_t>(dims)));
}

TensorSpec statistics_spec(const Tensor& x, int64_t dims) {
  Shape sizes = x.sizes();
  for (int64_t i : row_dims(x, dims)) sizes[static_cast<int>(i)] = 1;
  return TensorSpec(sizes, x.dtype() == DType::f64 ? DType::f64 : DType::f32, x.device());
}

// An output that is not asked for has no elements.
TensorSpec wanted(bool need, const Shape& sizes, const Tensor& like) {
  return TensorSpec(need ? sizes : Shape{0}, like);
}

void check_scale(const char* op, const char* name, const Tensor& scale, const Tensor& x, int64_t dims) {
  if (!scale.defined()) return;
  const Shape sizes = row_sizes(x, dims);
  FARRO_CHECK(scale.sizes() == sizes, ShapeError, op, ": ", name, " must have the normalized shape ", sizes, ", got ",
              scale.sizes(), " (", name, ": ", scale, ")");
  FARRO_CHECK(scale.dtype() == x.dtype(), DTypeError, op, ": ", name, " must have x's dtype ", x.dtype(), ", got ",
              scale.dtype(), " (", name, ": ", scale, ")");
}

void check_input(const char* op, const Tensor& x, int64_t dims, double eps) {
  FARRO_CHECK(is_floating(x.dtype()), DTypeError, op, ": x must be floating, got ", x.dtype(), " (x: ", x, ")");
  FARRO_CHECK(dims >= 1 && dims <= x.dim(), ShapeError, op, ": dims must be in [1, ", x.dim(), "], got ", dims);
  FARRO_CHECK(eps >= 0, ValueError, op, ": eps must not be negative, got ", eps);
}

// Number of trailing dimensions that `normalized_shape` covers.
int64_t covered_dims(const char* op, const Tensor& x, const Dims& normalized_shape) {
  const int count = normalized_shape.size();
  FARRO_CHECK(count >= 1, ValueError, op, ": normalized_shape must name at least one dimension, got []");
  bool fits = count >= 1 && count <= x.dim();
  for (int i = 0; fits && i < count; ++i) fits = x.sizes()[x.dim() - count + i] == normalized_shape[i];
  FARRO_CHECK(fits, ShapeError, op, ": x must end in normalized_shape ", normalized_shape, ", got ", x);
  return count;
}

Tensor scaled(const Tensor& t, const Tensor& weight) { return weight.defined() ? t * weight : t; }
Tensor or_zero(const Tensor& sum, const Tensor& more) { return sum.defined() ? sum + more : more; }

// `passes` over x, `statistics` numbers a row, `scales` tensors like weight.
Cost cost_of(const Tensor& x, int dims, double flops, int passes, int statistics, int scales) {
  const double rows = static_cast<double>(checked_numel("cost", statistics_spec(x, dims).sizes));
  const double row_bytes =
      static_cast<double>(checked_numel("cost", row_sizes(x, dims))) * double(item_size(x.dtype()));
  return {flops * static_cast<double>(x.numel()),
          passes * static_cast<double>(x.nbytes()) + scales * row_bytes +
              statistics * rows * static_cast<double>(item_size(statistics_spec(x, dims).dtype))};
}

// x-hat and 1 / deviation, of public ops, so that they can be differentiated.
struct Normalized {
  Tensor values, rstd;
};
Normalized normalize(const Tensor& x, const Dims& rows, double eps, bool center) {
  const Tensor centered = center ? x - mean(x, rows, true) : x;
  const Tensor rstd = 1 / (mean(centered * centered, rows, true) + eps).sqrt();
  return {centered * rstd, rstd};
}

// What a vector-Jacobian product through the normalisation does to a cotangent: rstd * (c - mean(c) - x-hat mean(c
// x-hat)), without the mean(c) where nothing is centred. It is symmetric.
Tensor project(const Tensor& c, const Normalized& n, const Dims& rows, bool center) {
  const Tensor rest = c - n.values * mean(c * n.values, rows, true);
  return n.rstd * (center ? rest - mean(c, rows, true) : rest);
}

// The gradient of the backward pass: of L(grad_x, grad_weight, grad_bias) with respect to grad, x and weight, where
// grad_x = project(u), u = grad * weight, grad_weight = sum(grad * x-hat) and grad_bias = sum(grad).
struct DoubleBackward {
  Tensor grad, x, weight;
};
DoubleBackward double_backward(const Tensor& grad, const Tensor& input, const Tensor& scale, const Tensor& into_input,
                               const Tensor& into_scale, const Tensor& into_bias, int64_t dims, double eps,
                               bool center) {
  const Tensor g = widened(grad), x = widened(input), weight = widened(scale);
  const Tensor into_x = widened(into_input), into_weight = widened(into_scale);
  const Dims rows = row_dims(x, dims), lead = lead_dims(x, dims);
  const Normalized n = normalize(x, rows, eps, center);
  DoubleBackward out;
  Tensor into_values;  // d L / d x-hat
  Tensor through_rstd;
  if (into_x.defined()) {
    // grad_x = project(u) is linear in u: into_x reaches u through the same symmetric projection. It also depends on
    // x-hat and on rstd, whose cotangents follow.
    const Tensor u = scaled(g, weight), projected = project(into_x, n, rows, center);
    out.grad = scaled(projected, weight);
    if (weight.defined()) out.weight = lead.empty() ? g * projected : sum(g * projected, lead);
    into_values = -(n.rstd * (mean(u * n.values, rows, true) * into_x + mean(into_x * n.values, rows, true) * u));
    // grad_x is proportional to rstd, and d rstd / d x_j = -rstd^2 x-hat_j / n.
    through_rstd = n.rstd * n.values * mean(into_x * project(u, n, rows, center), rows, true);
  }
  if (into_weight.defined()) {
    out.grad = or_zero(out.grad, into_weight * n.values);
    into_values = or_zero(into_values, into_weight * g);
  }
  if (into_bias.defined()) out.grad = or_zero(out.grad, into_bias.expand(g.sizes()));
  if (into_values.defined()) out.x = project(into_values, n, rows, center);
  if (through_rstd.defined()) out.x = out.x - through_rstd;
  return out;
}

}  // namespace

std::array<TensorSpec, 3> LayerNorm::infer(const Args& args) {
  check_input(info.name, args.x, args.dims, args.eps);
  check_scale(info.name, "weight", args.weight, args.x, args.dims);
  check_scale(info.name, "bias", args.bias, args.x, args.dims);
  const TensorSpec statistics = statistics_spec(args.x, args.dims);
  return {TensorSpec(args.x.sizes(), args.x), statistics, statistics};
}
Grads LayerNorm::backward(const Back<LayerNorm>& b) {
  // The statistics are constants of the backward op, which accounts for them itself.
  auto out = call<LayerNormBackward>({.grad = b.grad[0],
                                      .x = b.args.x,
                                      .mean = b.out[1].detach(),
                                      .rstd = b.out[2].detach(),
                                      .weight = b.args.weight,
                                      .dims = b.args.dims,
                                      .eps = b.args.eps,
                                      .need_x = b.need[0],
                                      .need_weight = b.need[1],
                                      .need_bias = b.need[2]});
  return {b.need[0] ? std::move(out[0]) : Tensor(), b.need[1] ? std::move(out[1]) : Tensor(),
          b.need[2] ? std::move(out[2]) : Tensor()};
}
Cost LayerNorm::cost(const Args& args) {
  return cost_of(args.x, args.dims, 8, 2, 2, args.weight.defined() + args.bias.defined());
}

std::array<TensorSpec, 3> LayerNormBackward::infer(const Args& args) {
  check_input(info.name, args.x, args.dims, args.eps);
  check_scale(info.name, "weight", args.weight, args.x, args.dims);
  FARRO_CHECK(args.grad.sizes() == args.x.sizes() && args.grad.dtype() == args.x.dtype(), ShapeError,
              "layer_norm_backward: grad must have x's shape and dtype, got ", args.grad, " (x: ", args.x, ")");
  const Shape row = row_sizes(args.x, args.dims);
  return {wanted(args.need_x, args.x.sizes(), args.x), wanted(args.need_weight, row, args.x),
          wanted(args.need_bias, row, args.x)};
}
Grads LayerNormBackward::backward(const Back<LayerNormBackward>& b) {
  DoubleBackward d = double_backward(b.args.grad, b.args.x, b.args.weight, b.grad[0], b.grad[1], b.grad[2], b.args.dims,
                                     b.args.eps, /*center=*/true);
  Grads out(5);
  if (b.need[0]) out[0] = std::move(d.grad);
  if (b.need[1]) out[1] = std::move(d.x);
  if (b.need[4]) out[4] = std::move(d.weight);
  return out;
}
Cost LayerNormBackward::cost(const Args& args) {
  const double flops = (args.need_x ? 9 : 0) + (args.need_weight ? 3 : 0) + (args.need_bias ? 1 : 0);
  return cost_of(args.x, args.dims, flops, args.need_x ? 3 : 2, 2,
                 args.weight.defined() + args.need_weight + args.need_bias);
}

std::array<TensorSpec, 2> RmsNorm::infer(const Args& args) {
  check_input(info.name, args.x, args.dims, args.eps);
  check_scale(info.name, "weight", args.weight, args.x, args.dims);
  return {TensorSpec(args.x.sizes(), args.x), statistics_spec(args.x, args.dims)};
}
Grads RmsNorm::backward(const Back<RmsNorm>& b) {
  auto out = call<RmsNormBackward>(
      {b.grad[0], b.args.x, b.out[1].detach(), b.args.weight, b.args.dims, b.args.eps, b.need[0], b.need[1]});
  return {b.need[0] ? std::move(out[0]) : Tensor(), b.need[1] ? std::move(out[1]) : Tensor()};
}
Cost RmsNorm::cost(const Args& args) { return cost_of(args.x, args.dims, 5, 2, 1, args.weight.defined()); }

std::array<TensorSpec, 2> RmsNormBackward::infer(const Args& args) {
  check_input(info.name, args.x, args.dims, args.eps);
  check_scale(info.name, "weight", args.weight, args.x, args.dims);
  FARRO_CHECK(args.grad.sizes() == args.x.sizes() && args.grad.dtype() == args.x.dtype(), ShapeError,
              "rms_norm_backward: grad must have x's shape and dtype, got ", args.grad, " (x: ", args.x, ")");
  return {wanted(args.need_x, args.x.sizes(), args.x), wanted(args.need_weight, row_sizes(args.x, args.dims), args.x)};
}
Grads RmsNormBackward::backward(const Back<RmsNormBackward>& b) {
  DoubleBackward d = double_backward(b.args.grad, b.args.x, b.args.weight, b.grad[0], b.grad[1], Tensor(), b.args.dims,
                                     b.args.eps, /*center=*/false);
  Grads out(4);
  if (b.need[0]) out[0] = std::move(d.grad);
  if (b.need[1]) out[1] = std::move(d.x);
  if (b.need[3]) out[3] = std::move(d.weight);
  return out;
}
Cost RmsNormBackward::cost(const Args& args) {
  return cost_of(args.x, args.dims, (args.need_x ? 7 : 0) + (args.need_weight ? 3 : 0), args.need_x ? 3 : 2, 1,
                 args.weight.defined() + args.need_weight);
}

void register_layer_norm();
void register_layer_norm() { register_ops<LayerNorm, LayerNormBackward, RmsNorm, RmsNormBackward>(); }

Tensor layer_norm(const Tensor& x, const Dims& normalized_shape, const Tensor& weight, const Tensor& bias, double eps) {
  check_defined("layer_norm", "x", x);
  const int64_t dims = covered_dims("layer_norm", x, normalized_shape);
  return std::move(call<LayerNorm>({.x = x, .weight = weight, .bias = bias, .dims = dims, .eps = eps})[0]);
}

Tensor rms_norm(const Tensor& x, const Dims& normalized_shape, const Tensor& weight, std::optional<double> eps) {
  check_defined("rms_norm", "x", x);
  const int64_t dims = covered_dims("rms_norm", x, normalized_shape);
  // PyTorch's default: the epsilon of the type that the statistics are computed in.
  const double epsilon = x.dtype() == DType::f64 ? std::numeric_limits<double>::epsilon()
                                                 : static_cast<double>(std::numeric_limits<float>::epsilon());
  return std::move(call<RmsNorm>({.x = x, .weight = weight, .dims = dims, .eps = eps.value_or(epsilon)})[0]);
}

}  // namespace farro
