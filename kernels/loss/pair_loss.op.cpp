// SPDX-License-Identifier: Apache-2.0
// mse_loss, l1_loss and binary_cross_entropy_with_logits as one op template. Gradients are elementwise compositions, so
// they can be differentiated again.
#include <farro/kernels/loss/pair_loss.h>
#include <farro/kernels/loss/pair_loss.op.h>

#include <farro/autograd/call/call.h>
#include <farro/core/tensor/number.h>
#include <farro/kernels/pointwise/arithmetic.h>
#include <farro/kernels/pointwise/choose.h>
#include <farro/kernels/pointwise/compare.h>
#include <farro/kernels/pointwise/widen.h>

namespace farro {

namespace {

// The gradient of one element's loss: `grad`, divided by the number of elements for a mean.
Tensor element_gradient(const Tensor& grad, Reduction reduction, int64_t numel, double factor) {
  if (reduction == Reduction::mean) factor /= static_cast<double>(numel);
  return factor == 1 ? grad : grad * factor;
}

}  // namespace

template <PairLossKind kKind>
TensorSpec PairLoss<kKind>::infer(const Args& args) {
  FARRO_CHECK(is_floating(args.input.dtype()) && args.target.dtype() == args.input.dtype(), DTypeError, info.name,
              ": input and target must have one floating dtype, got ", args.input.dtype(), " and ", args.target.dtype(),
              " (input: ", args.input, ", target: ", args.target, ")");
  FARRO_CHECK(args.input.sizes() == args.target.sizes(), ShapeError, info.name,
              ": input and target must have one shape, got ", args.input.sizes(), " and ", args.target.sizes(),
              " (input: ", args.input, ", target: ", args.target, ")");
  return TensorSpec(args.reduction == Reduction::none ? args.input.sizes() : Shape{}, args.input);
}

template <PairLossKind kKind>
Grads PairLoss<kKind>::backward(const Back<PairLoss<kKind>>& b) {
  // Differences are taken of the values as they are, and 1 / numel of many elements is no number of f16.
  const Tensor x = widened(b.args.input), t = widened(b.args.target);
  const Tensor g =
      element_gradient(widened(b.grad[0]), b.args.reduction, x.numel(), kKind == PairLossKind::squared ? 2 : 1);
  Grads out(2);
  if constexpr (kKind == PairLossKind::logistic) {
    // loss = max(x, 0) - x t + log1p(exp(-|x|)); d/dx = sigmoid(x) - t, d/dt = -x.
    if (b.need[0]) out[0] = (x.sigmoid() - t) * g;
    if (b.need[1]) out[1] = -(x * g);
    return out;
  }
  Tensor slope;
  if constexpr (kKind == PairLossKind::squared)
    slope = (x - t) * g;
  else
    // sign(x - t) g, and 0 where they are equal.
    slope = where(gt(x, t), g, where(lt(x, t), -g, (x - t).detach()));  // 0, or NaN where an operand is
  if (b.need[1]) out[1] = -slope;
  if (b.need[0]) out[0] = std::move(slope);
  return out;
}

template <PairLossKind kKind>
Cost PairLoss<kKind>::cost(const Args& args) {
  const double n = static_cast<double>(args.input.numel());
  const double written = args.reduction == Reduction::none ? n : 1;
  return {(kKind == PairLossKind::logistic ? 8 : 3) * n,
          (2 * n + written) * static_cast<double>(item_size(args.input.dtype()))};
}

template struct PairLoss<PairLossKind::squared>;
template struct PairLoss<PairLossKind::absolute>;
template struct PairLoss<PairLossKind::logistic>;

void register_pair_loss();
void register_pair_loss() { register_ops<MseLoss, L1Loss, BceWithLogitsLoss>(); }

Tensor mse_loss(const Tensor& input, const Tensor& target, Reduction reduction) {
  return call<MseLoss>({input, target, reduction});
}
Tensor l1_loss(const Tensor& input, const Tensor& target, Reduction reduction) {
  return call<L1Loss>({input, target, reduction});
}
Tensor binary_cross_entropy_with_logits(const Tensor& logits, const Tensor& target, Reduction reduction) {
  check_defined("binary_cross_entropy_with_logits", "logits", logits);
  return call<BceWithLogitsLoss>({logits, target, reduction});
}

}  // namespace farro
