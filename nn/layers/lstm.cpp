// SPDX-License-Identifier: Apache-2.0
// LSTM (Hochreiter and Schmidhuber 1997, with forget gates as in Gers et al. 2000), several layers deep, made of public
// ops; weights have PyTorch's names and order of gates.
#include <farro/nn/layers/lstm.h>

#include <farro/kernels/index/join.h>
#include <farro/kernels/index/stack.fn.h>
#include <farro/kernels/matmul/matmul.h>
#include <farro/kernels/memory/factories.h>
#include <farro/kernels/pointwise/activation.h>
#include <farro/kernels/pointwise/arithmetic.h>
#include <farro/kernels/random/dropout.h>
#include <farro/nn/init/init.h>

#include <cmath>

namespace farro::nn {

namespace {

const LSTMOptions& checked(const LSTMOptions& o) {
  FARRO_CHECK(o.input_size > 0 && o.hidden_size > 0 && o.num_layers > 0, ValueError,
              "LSTM: input_size, hidden_size and num_layers must be positive, got ", o.input_size, ", ", o.hidden_size,
              " and ", o.num_layers);
  FARRO_CHECK(o.dropout >= 0 && o.dropout <= 1, ValueError, "LSTM: dropout must be in [0, 1], got ", o.dropout);
  return o;
}

// The given state, or zeros.
Tensor start(const char* what, const Tensor& given, const Shape& sizes, const Tensor& x) {
  if (!given.defined()) return zeros(sizes, {.dtype = x.dtype(), .device = x.device()});
  FARRO_CHECK(given.sizes() == sizes, ShapeError, "LSTM: ", what, " must be ", sizes, ", got ", given, " (x: ", x, ")");
  return given;
}

}  // namespace

LSTM::LSTM(Parent parent, std::string_view name, const LSTMOptions& options_)
    : ModuleOf(parent, name), options(checked(options_)) {
  const int64_t h = options.hidden_size, rows = 4 * h;
  // PyTorch's initial values.
  const double bound = 1 / std::sqrt(static_cast<double>(h));
  for (int64_t k = 0; k < options.num_layers; ++k) {
    const auto uniform = [&](const char* what, const Shape& sizes) {
      return register_parameter(str(what, "_l", k), init::uniform_(empty(sizes), -bound, bound));
    };
    Layer& layer = layers_.emplace_back();
    layer.weight_ih = uniform("weight_ih", {rows, k == 0 ? options.input_size : h});
    layer.weight_hh = uniform("weight_hh", {rows, h});
    if (!options.bias) continue;
    layer.bias_ih = uniform("bias_ih", {rows});
    layer.bias_hh = uniform("bias_hh", {rows});
  }
}

Tensor LSTM::run(const Layer& layer, const Tensor& x, Tensor& h, Tensor& c) {
  // The part that does not wait for earlier steps is one product for the whole sequence.
  const std::vector<Tensor> steps = linear(x, layer.weight_ih, layer.bias_ih).unbind(0);
  std::vector<Tensor> outputs;
  outputs.reserve(steps.size());
  for (const Tensor& step : steps) {
    const std::vector<Tensor> gates = (step + linear(h, layer.weight_hh, layer.bias_hh)).split(h.size(1), 1);
    // Gates: 0 input, 1 forget, 2 cell, 3 output. c' = f c + i g, h' = o tanh(c').
    c = sigmoid(gates[1]) * c + sigmoid(gates[0]) * tanh(gates[2]);
    h = sigmoid(gates[3]) * tanh(c);
    outputs.push_back(h);
  }
  return stack(outputs);
}

LSTMOutput LSTM::forward(const Tensor& x, const LSTMState& state) {
  FARRO_CHECK(x.defined() && (x.dim() == 2 || x.dim() == 3) && x.size(-1) == options.input_size, ShapeError,
              "LSTM: x must be [L, ", options.input_size, "] or ", options.batch_first ? "[N, L, " : "[L, N, ",
              options.input_size, "], got ", x);
  const bool batched = x.dim() == 3;
  // Steps first, with a batch.
  Tensor rows = !batched ? x.unsqueeze(1) : options.batch_first ? x.transpose(0, 1) : x;
  FARRO_CHECK(rows.size(0) > 0, ShapeError, "LSTM: x must have at least one step, got ", x);
  Shape sizes{options.num_layers};
  if (batched) sizes.push_back(rows.size(1));
  sizes.push_back(options.hidden_size);
  const Tensor all_h = start("h", state.h, sizes, x), all_c = start("c", state.c, sizes, x);
  std::vector<Tensor> last_h, last_c;
  for (int64_t k = 0; k < options.num_layers; ++k) {
    Tensor h = batched ? all_h[k] : all_h.narrow(0, k, 1), c = batched ? all_c[k] : all_c.narrow(0, k, 1);
    // Between layers only, as in PyTorch.
    if (k > 0) rows = dropout(rows, options.dropout, is_training());
    rows = run(layers_[static_cast<size_t>(k)], rows, h, c);
    last_h.push_back(batched ? h : h.select(0, 0));
    last_c.push_back(batched ? c : c.select(0, 0));
  }
  const Tensor output = !batched ? rows.select(1, 0) : options.batch_first ? rows.transpose(0, 1) : rows;
  return {output, {stack(last_h), stack(last_c)}};
}

}  // namespace farro::nn
