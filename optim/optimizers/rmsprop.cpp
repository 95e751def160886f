// SPDX-License-Identifier: Apache-2.0
// RMSprop (Hinton, lecture 6e of his 2012 course; centred as in Graves 2013), composed of tensor operations.
#include <farro/optim/optimizers/rmsprop.h>

#include <farro/kernels/pointwise/arithmetic.h>
#include <farro/kernels/pointwise/unary.h>
#include <farro/optim/optimizers/detail/changes.h>

namespace farro::optim {

namespace {

const OptimizerInfo<RMSpropOptions>& info() {
  using O = RMSpropOptions;
  static const OptimizerInfo<O> info{.name = "RMSprop",
                                     .options = {{"lr", &O::lr, Range::not_negative},
                                                 {"alpha", &O::alpha, Range::fraction},
                                                 {"eps", &O::eps, Range::not_negative},
                                                 {"weight_decay", &O::weight_decay, Range::not_negative},
                                                 {"momentum", &O::momentum, Range::not_negative},
                                                 {"centered", &O::centered},
                                                 {"maximize", &O::maximize}},
                                     .states = {{"square_avg"},
                                                {"momentum_buffer", [](const O& o) { return o.momentum > 0; }, false},
                                                {"grad_avg", [](const O& o) { return o.centered; }, false}},
                                     .capturable = true};
  return info;
}

}  // namespace

RMSprop::RMSprop(std::vector<Tensor> params, const RMSpropOptions& options)
    : OptimizerOf(info(), std::move(params), options) {}
RMSprop::RMSprop(std::vector<ParamGroup<RMSpropOptions>> groups) : OptimizerOf(info(), std::move(groups)) {}

void RMSprop::update(const RMSpropOptions& o, const Batch& batch) {
  Changes changes;
  for (size_t i = 0; i < batch.params.size(); ++i) {
    const Tensor &v = batch.states[0][i], p = batch.params[i].to(v.dtype());
    Tensor g = batch.grads[i].to(v.dtype()) * (o.maximize ? -1.0 : 1.0);
    if (o.weight_decay != 0) g = g + p * o.weight_decay;
    // v = alpha v + (1 - alpha) g^2; centred: less the square of the average gradient, which makes it a variance.
    const Tensor square = changes.set(v, v * o.alpha + g * g * (1 - o.alpha));
    Tensor spread = square;
    if (o.centered) {
      const Tensor& mean = batch.states[2][i];
      const Tensor now = changes.set(mean, mean * o.alpha + g * (1 - o.alpha));
      spread = square - now * now;
    }
    Tensor direction = g / (sqrt(spread) + o.eps);
    if (o.momentum > 0) {
      const Tensor& buffer = batch.states[1][i];
      direction = changes.set(buffer, buffer * o.momentum + direction);
    }
    changes.set(batch.params[i],
                p - (batch.lr_tensor.defined() ? direction * batch.lr_tensor.to(v.dtype()) : direction * o.lr));
  }
  // As in adagrad.cpp: all writes at the end.
  changes.apply();
}

}  // namespace farro::optim
