// SPDX-License-Identifier: Apache-2.0
// The fused optimizer steps, norms and clipping as ops that change lists of tensors: checks of options and lists,
// costs, and the constants of a step.
#include <farro/kernels/optim/optim.op.h>

#include <farro/autograd/call/mutate.h>
#include <farro/kernels/optim/multi_tensor.h>
#include <farro/kernels/optim/optim.h>

#include <algorithm>
#include <cmath>

namespace farro {

namespace {

// Each list read and each changed list written once, and `flops` per element.
Cost list_cost(TensorList params, double flops, double reads, double writes) {
  double elements = 0, bytes = 0;
  for (const Tensor& tensor : params) {
    elements += static_cast<double>(tensor.numel());
    bytes += static_cast<double>(tensor.nbytes());
  }
  return {flops * elements, (reads + writes) * bytes};
}

// The classes in farro/optim check these, too, where they are set.
void check_option(const char* op, const char* name, double value) {
  FARRO_CHECK(std::isfinite(value) && value >= 0, ValueError, op, ": ", name, " must be finite and at least 0, got ",
              value);
}
// The device has been compared with that of the parameters.
void check_number(const char* op, const char* name, const Tensor& number, DType dtype) {
  if (!number.defined()) return;
  FARRO_CHECK(number.dtype() == dtype, DTypeError, op, ": ", name, " must have dtype ", dtype, ", got ", number);
  FARRO_CHECK(number.dim() == 0, ShapeError, op, ": ", name, " must be 0-dim, got ", number);
}
void check_beta(const char* op, const char* name, double value) {
  FARRO_CHECK(value >= 0 && value < 1, ValueError, op, ": ", name, " must be in [0, 1), got ", value);
}

}  // namespace

void SgdStep::check(const Args& args) {
  const TensorList lists[] = {args.params, args.grads, args.momentum_buffers};
  const char* const list_names[] = {"params", "grads", "momentum_buffers"};
  const size_t count = args.momentum_buffers.empty() ? 2 : 3;
  check_lists("sgd_step_", {lists, count}, {list_names, count});
  FARRO_CHECK(args.momentum == 0 || count == 3 || args.params.empty(), ValueError,
              "sgd_step_: momentum_buffers must be given with momentum ", args.momentum, ", got none");
  check_option("sgd_step_", "lr", args.lr);
  check_number("sgd_step_", "lr_tensor", args.lr_tensor, DType::f64);
  check_option("sgd_step_", "momentum", args.momentum);
  check_option("sgd_step_", "weight_decay", args.weight_decay);
  FARRO_CHECK(std::isfinite(args.dampening), ValueError, "sgd_step_: dampening must be finite, got ", args.dampening);
}
Cost SgdStep::cost(const Args& args) {
  // Read: parameter, gradient and buffer; written: parameter and buffer.
  return args.momentum_buffers.empty() ? list_cost(args.params, 4, 2, 1) : list_cost(args.params, 7, 3, 2);
}

void AdamStep::check(const Args& args) {
  const TensorList lists[] = {args.params, args.grads, args.exp_avgs, args.exp_avg_sqs, args.max_exp_avg_sqs};
  const char* const list_names[] = {"params", "grads", "exp_avgs", "exp_avg_sqs", "max_exp_avg_sqs"};
  const size_t count = args.max_exp_avg_sqs.empty() ? 4 : 5;
  check_lists("adam_step_", {lists, count}, {list_names, count});
  FARRO_CHECK(args.step >= 1, ValueError, "adam_step_: step must be at least 1, got ", args.step);
  check_option("adam_step_", "lr", args.lr);
  check_number("adam_step_", "lr_tensor", args.lr_tensor, DType::f64);
  check_number("adam_step_", "step_tensor", args.step_tensor, DType::i64);
  check_option("adam_step_", "eps", args.eps);
  check_option("adam_step_", "weight_decay", args.weight_decay);
  check_beta("adam_step_", "beta1", args.beta1);
  check_beta("adam_step_", "beta2", args.beta2);
}
Cost AdamStep::cost(const Args& args) {
  return args.max_exp_avg_sqs.empty() ? list_cost(args.params, 14, 4, 3) : list_cost(args.params, 15, 5, 4);
}

AdamConstants::AdamConstants(const AdamStep::Args& args, double lr, int64_t step)
    : sign(args.maximize ? -1 : 1),
      coupled_decay(args.decoupled ? 0 : args.weight_decay),
      keep(args.decoupled ? 1 - lr * args.weight_decay : 1),
      beta1(args.beta1),
      one_minus_beta1(1 - args.beta1),
      beta2(args.beta2),
      one_minus_beta2(1 - args.beta2),
      step_size(lr / (1 - std::pow(args.beta1, static_cast<double>(step)))),
      inv_correction2(1 / std::sqrt(1 - std::pow(args.beta2, static_cast<double>(step)))),
      eps(args.eps) {}

TensorSpec MultiTensorNorm::infer(const Args& args) {
  FARRO_CHECK(args.p > 0, ValueError, "multi_tensor_norm: p must be positive, got ", args.p);
  FARRO_CHECK(!args.tensors.empty(), ValueError, "multi_tensor_norm: tensors must hold at least one tensor, got none");
  const char* const list_names[] = {"tensors"};
  check_lists("multi_tensor_norm", {&args.tensors, 1}, list_names);
  const Tensor& first = args.tensors[0];
  return TensorSpec({}, first.dtype() == DType::f64 ? DType::f64 : DType::f32, first.device());
}
Cost MultiTensorNorm::cost(const Args& args) { return list_cost(args.tensors, 2, 1, 0); }

void ClipByNorm::check(const Args& args) {
  const char* const list_names[] = {"tensors"};
  check_lists("clip_by_norm_", {&args.tensors, 1}, list_names);
  FARRO_CHECK(args.norm.numel() == 1 && is_floating(args.norm.dtype()), ShapeError,
              "clip_by_norm_: norm must be one floating number, got ", args.norm);
  FARRO_CHECK(args.max_norm >= 0, ValueError, "clip_by_norm_: max_norm must be at least 0, got ", args.max_norm);
}
Cost ClipByNorm::cost(const Args& args) { return list_cost(args.tensors, 1, 1, 1); }

void register_optim();
void register_optim() { register_ops<SgdStep, AdamStep, MultiTensorNorm, ClipByNorm>(); }

void sgd_step_(TensorList params, TensorList grads, TensorList momentum_buffers, const SgdStepOptions& options,
               const Tensor& lr) {
  call_mutating<SgdStep>({.params = params,
                          .grads = grads,
                          .momentum_buffers = momentum_buffers,
                          .lr = options.lr,
                          .momentum = options.momentum,
                          .dampening = options.dampening,
                          .weight_decay = options.weight_decay,
                          .nesterov = options.nesterov,
                          .maximize = options.maximize,
                          .lr_tensor = lr},
                         "sgd_step_");
}

void adam_step_(TensorList params, TensorList grads, TensorList exp_avgs, TensorList exp_avg_sqs,
                TensorList max_exp_avg_sqs, const AdamStepOptions& options, const Tensor& lr, const Tensor& step) {
  call_mutating<AdamStep>(
      {params, grads, exp_avgs, exp_avg_sqs, max_exp_avg_sqs, options.lr, options.beta1, options.beta2, options.eps,
       options.weight_decay, options.decoupled, options.maximize, options.step, lr, step},
      "adam_step_");
}

Tensor multi_tensor_norm(TensorList tensors, double p) {
  const auto contiguous = [](const Tensor& t) { return !t.defined() || t.is_contiguous(); };
  if (std::all_of(tensors.begin(), tensors.end(), contiguous)) return call<MultiTensorNorm>({tensors, p});
  // Summed in row-major order whatever the layout, so that the bits do not depend on it.
  std::vector<Tensor> dense;
  for (const Tensor& tensor : tensors) dense.push_back(tensor.detach().contiguous());
  return call<MultiTensorNorm>({dense, p});
}

void clip_by_norm_(TensorList tensors, const Tensor& norm, double max_norm) {
  call_mutating<ClipByNorm>({.tensors = tensors, .norm = norm, .max_norm = max_norm}, "clip_by_norm_");
}

}  // namespace farro
