// SPDX-License-Identifier: Apache-2.0
// Long short-term memory (Hochreiter & Schmidhuber 1997, with a forget gate: Gers et al. 2000) in PyTorch's form.
#pragma once

#include <farro/core/api.h>
#include <farro/nn/module/module.h>

#include <vector>

namespace farro::nn {

struct LSTMOptions {
  int64_t input_size = 0;
  int64_t hidden_size = 0;
  int64_t num_layers = 1;  // each takes the outputs of the one below
  bool bias = true;
  bool batch_first = false;  // x is [N, L, I] instead of [L, N, I]
  double dropout = 0;        // of the outputs of each layer but the last, while training
};

// [num_layers, N, H] each; undefined ones stand for zeros.
struct LSTMState {
  Tensor h = {};
  Tensor c = {};
};

struct LSTMOutput {
  Tensor output;    // h of the last layer at every step, laid out as x: [L, N, H]
  LSTMState state;  // of every layer after the last step
};

//     auto [output, state] = lstm(x);
//     auto [more, last] = lstm(next_x, state);
// One step: i, f, g, o = four parts of  x W_ih^T + b_ih + h W_hh^T + b_hh;  c = sigmoid(f) c + sigmoid(i) tanh(g);
// h = sigmoid(o) tanh(c). x may also be one sequence, [L, I], with states [num_layers, H].
// Parameters of layer k: weight_ih_lk [4H, I or H], weight_hh_lk [4H, H], bias_ih_lk and bias_hh_lk [4H], uniform in
// +-1 / sqrt(H) at first.
class FARRO_API LSTM final : public ModuleOf<LSTMOutput(const Tensor& x, const LSTMState& state)> {
 public:
  using Options = LSTMOptions;
  // ValueError unless all sizes are positive and dropout is in [0, 1].
  LSTM(Parent parent, std::string_view name, const LSTMOptions& options);

  using ModuleOf::operator();
  LSTMOutput operator()(const Tensor& x) { return (*this)(x, LSTMState{}); }
  // ShapeError unless x has at least one step and x and the state have the sizes above.
  LSTMOutput forward(const Tensor& x, const LSTMState& state) override;

  const LSTMOptions options;

 private:
  struct Layer {
    Tensor weight_ih, weight_hh, bias_ih, bias_hh;
  };
  // x [L, N, ...] -> h of every step [L, N, H]; h and c [N, H] become those of the last one.
  static Tensor run(const Layer& layer, const Tensor& x, Tensor& h, Tensor& c);

  std::vector<Layer> layers_;
};

}  // namespace farro::nn
