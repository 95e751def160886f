// SPDX-License-Identifier: Apache-2.0
// Batch normalisation as three ops: with the batch's statistics, with given ones, and the gradient of both. Running
// statistics are updated outside the ops, by the public function, since they have no gradient.
#include <farro/kernels/norm/batch_norm.op.h>

#include <farro/autograd/call/call.h>
#include <farro/core/tensor/number.h>
#include <farro/kernels/norm/batch_norm.h>
#include <farro/kernels/pointwise/arithmetic.h>
#include <farro/kernels/pointwise/unary.h>
#include <farro/kernels/pointwise/widen.h>

namespace farro {

namespace {

DType statistics_dtype(DType dtype) { return dtype == DType::f64 ? DType::f64 : DType::f32; }

TensorSpec like(const Tensor& x) {
  TensorSpec spec(x.sizes(), x);
  spec.channels_last = !x.is_contiguous() && x.is_contiguous(MemoryFormat::channels_last);
  return spec;
}
TensorSpec per_channel(const Tensor& x, DType dtype) { return TensorSpec({x.size(1)}, dtype, x.device()); }

void check_channels(const char* argument, const Tensor& tensor, const Tensor& x) {
  if (!tensor.defined()) return;
  FARRO_CHECK(tensor.sizes() == Shape{x.size(1)}, ShapeError, "batch_norm: ", argument, " must have sizes [", x.size(1),
              "], got ", tensor.sizes(), " (", argument, ": ", tensor, ", x: ", x, ")");
}
void check_running(const char* argument, const Tensor& tensor, const Tensor& x) {
  check_channels(argument, tensor, x);
  FARRO_CHECK(is_floating(tensor.dtype()), DTypeError, "batch_norm: ", argument, " must be floating, got ",
              tensor.dtype(), " (", argument, ": ", tensor, ")");
  FARRO_CHECK(tensor.device() == x.device(), DeviceError, "batch_norm: ", argument, " must be on the device of x (",
              x.device(), "), got ", tensor.device(), " (", argument, ": ", tensor, ")");
}
void check_affine(const char* argument, const Tensor& tensor, const Tensor& x) {
  check_channels(argument, tensor, x);
  FARRO_CHECK(!tensor.defined() || tensor.dtype() == x.dtype(), DTypeError, "batch_norm: ", argument,
              " must have the dtype of x (", x.dtype(), "), got ", tensor.dtype(), " (", argument, ": ", tensor, ")");
}
void check_input(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps) {
  FARRO_CHECK(x.dim() >= 2, ShapeError, "batch_norm: x must have at least 2 dimensions [N, C, ...], got ", x.dim(),
              " (x: ", x, ")");
  FARRO_CHECK(is_floating(x.dtype()), DTypeError, "batch_norm: x must be floating, got ", x.dtype(), " (x: ", x, ")");
  FARRO_CHECK(eps >= 0, ValueError, "batch_norm: eps must not be negative, got ", eps);
  check_affine("weight", weight, x);
  check_affine("bias", bias, x);
}

double elements(const Tensor& x) { return static_cast<double>(x.numel()); }
double bytes(const Tensor& x) { return static_cast<double>(x.nbytes()); }
// Of the two statistics, or of the gradients of weight and bias.
double pair_bytes(const Tensor& x, DType dtype) {
  return 2 * static_cast<double>(x.size(1)) * double(item_size(dtype));
}

// Sums, means and broadcasts over everything but the channels, for the formulas below.
class Channels {
 public:
  explicit Channels(const Tensor& x) : count_(x.size(1) ? static_cast<double>(x.numel() / x.size(1)) : 0) {
    spread_ = Dims::filled(x.dim(), 1);
    spread_[1] = x.size(1);
    for (int i = 0; i < x.dim(); ++i)
      if (i != 1) others_.push_back(i);
  }
  double count() const { return count_; }
  Tensor sum(const Tensor& t) const { return t.sum(others_); }
  Tensor mean(const Tensor& t) const { return spread(sum(t) * (1 / count_)); }
  Tensor spread(const Tensor& per_channel_values) const { return per_channel_values.reshape(spread_); }

 private:
  double count_;
  Dims others_, spread_;
};

// Undefined stands for zero, so that what nobody asked for is not computed.
Tensor plus(const Tensor& a, const Tensor& b) { return !a.defined() ? b : !b.defined() ? a : a + b; }
Tensor times(const Tensor& a, const Tensor& b) { return a.defined() && b.defined() ? a * b : Tensor(); }

}  // namespace

std::array<TensorSpec, 3> BatchNorm::infer(const Args& args) {
  check_input(args.x, args.weight, args.bias, args.eps);
  const int64_t channels = args.x.size(1);
  // A single value has no variance: the output would be the bias, whatever the input.
  FARRO_CHECK(channels == 0 || args.x.numel() / channels > 1, ShapeError,
              "batch_norm: x must have more than one value per channel in training, got ",
              channels ? args.x.numel() / channels : 0, " (x: ", args.x, ")");
  const TensorSpec statistics = per_channel(args.x, statistics_dtype(args.x.dtype()));
  return {like(args.x), statistics, statistics};
}
Grads BatchNorm::backward(const Back<BatchNorm>& b) {
  const Tensor x = b.args.x, mean = b.out[1];
  Grads result(3);
  if (b.grad[0].defined()) {
    auto all = call<BatchNormBackward>({.grad = b.grad[0],
                                        .x = x,
                                        .weight = b.args.weight,
                                        .mean = mean,
                                        .var = b.out[2],
                                        .eps = b.args.eps,
                                        .batch_statistics = true,
                                        .need_x = b.need[0]});
    for (int i = 0; i < 3; ++i)
      if (b.need[i]) result[static_cast<size_t>(i)] = std::move(all[static_cast<size_t>(i)]);
  }
  if (!b.need[0]) return result;
  // The statistics are results too, though batch_norm() does not show them.
  const Channels channels(x);
  // d mean / d x = 1 / count and d var / d x = 2 (x - mean) / count.
  if (b.grad[1].defined())
    result[0] = plus(result[0], channels.spread(b.grad[1] * (1 / channels.count())).to(x.dtype()).expand(x.sizes()));
  if (b.grad[2].defined())
    result[0] = plus(result[0],
                     ((x - channels.spread(mean)) * channels.spread(b.grad[2] * (2 / channels.count()))).to(x.dtype()));
  return result;
}
Cost BatchNorm::cost(const Args& args) {
  return {7 * elements(args.x), 2 * bytes(args.x) + pair_bytes(args.x, statistics_dtype(args.x.dtype()))};
}

TensorSpec BatchNormEval::infer(const Args& args) {
  check_input(args.x, args.weight, args.bias, args.eps);
  check_running("running_mean", args.mean, args.x);
  check_running("running_var", args.var, args.x);
  return like(args.x);
}
Grads BatchNormEval::backward(const Back<BatchNormEval>& b) {
  auto all = call<BatchNormBackward>(
      {b.grad[0], b.args.x, b.args.weight, b.args.mean, b.args.var, b.args.eps, false, b.need[0]});
  Grads result(5);
  for (int i = 0; i < 3; ++i)
    if (b.need[i]) result[static_cast<size_t>(i)] = std::move(all[static_cast<size_t>(i)]);
  return result;
}
Cost BatchNormEval::cost(const Args& args) {
  return {3 * elements(args.x), 2 * bytes(args.x) + bytes(args.mean) + bytes(args.var)};
}

std::array<TensorSpec, 3> BatchNormBackward::infer(const Args& args) {
  FARRO_CHECK(args.grad.sizes() == args.x.sizes(), ShapeError, "batch_norm_backward: grad must have x's sizes ",
              args.x.sizes(), ", got ", args.grad.sizes(), " (grad: ", args.grad, ")");
  const TensorSpec affine = per_channel(args.x, args.x.dtype());
  return {args.need_x ? like(args.x) : TensorSpec({0}, args.x), affine, affine};
}
// With h = (x - mean) * r, r = (var + eps)^-1/2, M the mean of a channel and P(u) = u - M(u) - h M(u h):
//     grad_x = w r P(g)    grad_weight = sum(g h)    grad_bias = sum(g)
// P is its own adjoint, dh/dx takes a cotangent u to r P(u), and dr/dx = -r^2 h / count. So for cotangents X, W, B of
// the three
//     of g: w r P(X) + W h + B       of w: r sum(X P(g))
//     of x: -w r^2 (h M(X P(g)) + M(g h) P(X) + M(X h) P(g)) + W r P(g)
// With constant statistics P is the identity, h depends on x by r alone, and the last line is W r g.
Grads BatchNormBackward::backward(const Back<BatchNormBackward>& b) {
  const Tensor g = widened(b.args.grad), x = widened(b.args.x);
  const Channels channels(x);
  // In training the statistics are functions of x, and are computed anew so that the graph knows.
  const Tensor mean = b.args.batch_statistics ? channels.mean(x) : channels.spread(b.args.mean).to(x.dtype());
  const Tensor centred = x - mean;
  const Tensor var =
      b.args.batch_statistics ? channels.mean(centred * centred) : channels.spread(b.args.var).to(x.dtype());
  const Tensor r = rsqrt(var + b.args.eps), h = centred * r;
  const auto project = [&](const Tensor& u) {
    return b.args.batch_statistics ? u - channels.mean(u) - h * channels.mean(u * h) : u;
  };
  const Tensor weight = widened(b.args.weight);
  const Tensor wr = weight.defined() ? channels.spread(weight) * r : r;
  const Tensor cot_x = b.args.need_x ? widened(b.grad[0]) : Tensor();
  const Tensor cot_w = b.grad[1].defined() ? channels.spread(widened(b.grad[1])) : Tensor();
  const Tensor pg = project(g), px = cot_x.defined() ? project(cot_x) : Tensor();
  Grads result(5);
  if (b.need[0]) {
    result[0] = plus(times(wr, px), times(cot_w, h));
    if (b.grad[2].defined()) result[0] = plus(result[0], channels.spread(b.grad[2]).expand(g.sizes()));
  }
  if (b.need[1]) {
    result[1] = times(cot_w, r * pg);
    if (cot_x.defined() && b.args.batch_statistics) {
      const Tensor inner = h * channels.mean(cot_x * pg) + channels.mean(g * h) * px + channels.mean(cot_x * h) * pg;
      result[1] = plus(result[1], -(wr * r * inner));
    }
  }
  if (b.need[2] && cot_x.defined()) result[2] = channels.sum(cot_x * pg * r);
  return result;
}
Cost BatchNormBackward::cost(const Args& args) {
  return {(args.need_x ? 9 : 4) * elements(args.x), (args.need_x ? 3 : 2) * bytes(args.x) + bytes(args.mean) +
                                                        bytes(args.var) + pair_bytes(args.x, args.x.dtype())};
}

void register_batch_norm();
void register_batch_norm() { register_ops<BatchNorm, BatchNormEval, BatchNormBackward>(); }

namespace {
// A share of 0 leaves its side out, whatever that holds: not even NaN comes through. Half types are rounded once.
void move_towards(Tensor running, const Tensor& statistic, double momentum, double factor) {
  if (momentum == 0) return;
  const Tensor moved = statistic * (momentum * factor);
  running.copy_(momentum == 1 ? moved : add(moved, widened(running), 1 - momentum));
}
}  // namespace

Tensor batch_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& running_mean,
                  const Tensor& running_var, bool training, double momentum, double eps) {
  check_defined("batch_norm", "x", x);
  FARRO_CHECK(running_mean.defined() == running_var.defined(), ValueError,
              "batch_norm: running_mean and running_var must be given together, got ", running_mean, " and ",
              running_var);
  FARRO_CHECK(momentum >= 0 && momentum <= 1, ValueError, "batch_norm: momentum must be in [0, 1], got ", momentum);
  if (!training && running_mean.defined())
    return call<BatchNormEval>(
        {.x = x, .weight = weight, .bias = bias, .mean = running_mean, .var = running_var, .eps = eps});
  // The call looks at x, weight and bias, as mixed precision casts them.
  auto [y, mean, var] = call<BatchNorm>({.x = x, .weight = weight, .bias = bias, .eps = eps});
  if (running_mean.defined()) {
    // Both before either changes: a call that fails leaves the statistics as they were.
    check_running("running_mean", running_mean, x);
    check_running("running_var", running_var, x);
  }
  if (running_mean.defined() && x.numel() > 0) {
    // Running statistics are no part of the graph.
    const no_grad guard;
    const double count = static_cast<double>(x.numel() / x.size(1));
    move_towards(running_mean, mean, momentum, 1);
    // The running variance is the unbiased estimate, the one of the batch is not: as in PyTorch.
    move_towards(running_var, var, momentum, count / (count - 1));
  }
  return std::move(y);
}

}  // namespace farro
