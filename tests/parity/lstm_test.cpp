// SPDX-License-Identifier: Apache-2.0
// LSTM beside LibTorch's operator: outputs, last states, gradients of inputs, states and parameters.
#include <farro/kernels/random/random.h>
#include <farro/nn/layers/lstm.h>
#include <farro/tests/parity/compare.h>

namespace farro::parity {
namespace {

using Recurrent = Parity;
INSTANTIATE_TEST_SUITE_P(, Recurrent, ::testing::Values(DType::f64, DType::f32), dtype_name);

TEST_P(Recurrent, LSTM) {
  for (const bool bias : {true, false})
    for (const int64_t layers : {1, 2})
      for (const bool batch_first : {false, true}) {
        nn::LSTM ours(
            nn::root, "lstm",
            {.input_size = 3, .hidden_size = 4, .num_layers = layers, .bias = bias, .batch_first = batch_first});
        Tensors inputs{batch_first ? randn({2, 5, 3}) : randn({5, 2, 3}), randn({layers, 2, 4}), randn({layers, 2, 4})};
        PeerTensors weights;
        for (const Tensor& parameter : ours.parameters())
          weights.push_back(PeerTensor::copy_of(parameter.detach()).set_requires_grad());
        const std::string what = str("bias ", bias, ", layers ", layers, ", batch first ", batch_first);
        expect_parity(
            what, inputs, [&](const Tensors& in) { return nn::tensors_of(ours(in[0], {in[1], in[2]})); },
            [&](const PeerTensors& in) {
              return aten_all("lstm.input",
                              {in[0], PeerTensors{in[1], in[2]}, weights, bias, layers, 0.0, true, false, batch_first});
            });
        for (size_t i = 0; i < weights.size(); ++i)  // a gradient sums over steps, samples and rows
          expect_close(str(what, ", parameter ", i), ours.parameters()[i].grad(), weights[i].grad().to_farro(),
                       rounding(default_dtype(), 5 * 2 * 16));
      }
}

}  // namespace
}  // namespace farro::parity
