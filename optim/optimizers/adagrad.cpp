// SPDX-License-Identifier: Apache-2.0
// Adagrad (Duchi et al. 2011), composed of tensor operations.
#include <farro/optim/optimizers/adagrad.h>

#include <farro/kernels/pointwise/arithmetic.h>
#include <farro/kernels/pointwise/unary.h>
#include <farro/optim/optimizers/detail/changes.h>

namespace farro::optim {

namespace {

const OptimizerInfo<AdagradOptions>& info() {
  using O = AdagradOptions;
  static const OptimizerInfo<O> info{
      .name = "Adagrad",
      .options = {{"lr", &O::lr, Range::not_negative},
                  {"lr_decay", &O::lr_decay, Range::not_negative},
                  {"weight_decay", &O::weight_decay, Range::not_negative},
                  {"initial_accumulator_value", &O::initial_accumulator_value, Range::not_negative},
                  {"eps", &O::eps, Range::not_negative},
                  {"maximize", &O::maximize}},
      .states = {{"sum"}},
      .capturable = true};
  return info;
}

}  // namespace

Adagrad::Adagrad(std::vector<Tensor> params, const AdagradOptions& options)
    : OptimizerOf(info(), std::move(params), options) {}
Adagrad::Adagrad(std::vector<ParamGroup<AdagradOptions>> groups) : OptimizerOf(info(), std::move(groups)) {}

Tensor Adagrad::new_state(const AdagradOptions& o, size_t, const Tensor& param) const {
  return zero_state(param).fill_(o.initial_accumulator_value);
}

void Adagrad::update(const AdagradOptions& o, const Batch& batch) {
  // sum += g^2, p -= lr / (1 + (step - 1) lr_decay) * g / (sqrt(sum) + eps), as in PyTorch.
  const double lr = o.lr / (1 + static_cast<double>(batch.step - 1) * o.lr_decay);
  Changes changes;
  // The same in the tensors of the capturable form, operation by operation.
  Tensor lr_tensor;
  if (batch.lr_tensor.defined())
    lr_tensor = batch.lr_tensor / ((batch.step_tensor.to(DType::f64) - 1) * o.lr_decay + 1);
  for (size_t i = 0; i < batch.params.size(); ++i) {
    const Tensor &s = batch.states[0][i], p = batch.params[i].to(s.dtype());
    Tensor g = batch.grads[i].to(s.dtype()) * (o.maximize ? -1.0 : 1.0);
    if (o.weight_decay != 0) g = g + p * o.weight_decay;
    // Nothing is written before changes.apply(): an update that fails half-way has changed nothing.
    const Tensor sum = changes.set(s, s + g * g);
    const Tensor scaled = lr_tensor.defined() ? g * lr_tensor.to(s.dtype()) : g * lr;
    changes.set(batch.params[i], p - scaled / (sqrt(sum) + o.eps));
  }
  changes.apply();
}

}  // namespace farro::optim
