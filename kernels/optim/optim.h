// SPDX-License-Identifier: Apache-2.0
// Optimizer steps over lists of parameters, fused: one call changes all parameters of a group. Tensor i of every list
// has the shape and strides of params[i]; states may be wider than the parameters (f32 beside f16). The classes in
// farro/optim keep the states; call these to write an optimizer of your own. All throw ValueError where the lists
// differ in length or a tensor is not dense, ShapeError and DTypeError where tensors do not fit, and
// ValueError for options out of range.
#pragma once

#include <farro/core/api.h>
#include <farro/core/tensor/tensor.h>

namespace farro {

struct SgdStepOptions {
  double lr = 1e-3;
  double momentum = 0;
  double dampening = 0;
  double weight_decay = 0;
  bool nesterov = false;
  bool maximize = false;
};
// g += weight_decay * p;  b = momentum * b + (1 - dampening) * g;  p -= lr * (nesterov ? g + momentum * b : b).
// `momentum_buffers` is empty without momentum, where b stands for g. (Sutskever et al. 2013, in PyTorch's form.)
// `lr`: a 0-dim f64 tensor on the parameters' device that the kernel reads in place of options.lr, for recorded steps
// whose rate changes between replays. DTypeError, ShapeError or DeviceError for another; its value is not checked.
FARRO_API void sgd_step_(TensorList params, TensorList grads, TensorList momentum_buffers,
                         const SgdStepOptions& options, const Tensor& lr = {});

struct AdamStepOptions {
  double lr = 1e-3;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double eps = 1e-8;
  double weight_decay = 0;
  bool decoupled = false;  // AdamW: the decay shrinks p itself instead of entering the gradient
  bool maximize = false;
  int64_t step = 1;  // of this update, counted from 1: for the bias correction
};
// Kingma & Ba 2015; Loshchilov & Hutter 2019 for `decoupled`; Reddi et al. 2018 (amsgrad) where `max_exp_avg_sqs` is
// given. `lr` as in sgd_step_(), and `step`, a 0-dim i64 tensor, in place of options.step: the same values to the bit.
FARRO_API void adam_step_(TensorList params, TensorList grads, TensorList exp_avgs, TensorList exp_avg_sqs,
                          TensorList max_exp_avg_sqs, const AdamStepOptions& options, const Tensor& lr = {},
                          const Tensor& step = {});

// The p-norm of all elements of all tensors as one vector; p > 0, may be infinity. 0-dim, f64 where the first tensor
// is, else f32; accumulated in f64.
FARRO_API Tensor multi_tensor_norm(TensorList tensors, double p = 2);

// Multiplies all tensors by min(1, max_norm / (norm + 1e-6)), with `norm` the 0-dim tensor of multi_tensor_norm().
FARRO_API void clip_by_norm_(TensorList tensors, const Tensor& norm, double max_norm);

}  // namespace farro
