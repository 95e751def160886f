// SPDX-License-Identifier: Apache-2.0
// Trading time for memory: a part of a model that keeps none of its intermediate tensors for backward and makes them
// again when backward comes to it.
#pragma once

#include <farro/autograd/engine/engine.h>
#include <farro/core/api.h>

namespace farro {

struct RecomputeOptions {
  // Whether random numbers (dropout) must come out the same when the function runs again.
  bool preserve_random_state = true;
};

// function(inputs), recorded as usual, but of the tensors that backward needs only the inputs and leaves (weights) are
// kept. The first one that backward asks for runs the function once more and makes them all; each is freed when its
// op's backward is done. Works with backward() and grad(), for weights that `function` captures, and nested. The
// gradients equal those without recompute() bit by bit.
//
// What `function` refers to must live until backward is over. Doing something else the second time throws
// AutogradError.
FARRO_API std::vector<Tensor> recompute(TensorFunction function, const std::vector<Tensor>& inputs,
                                        const RecomputeOptions& options = {});
FARRO_API Tensor recompute(std::function<Tensor(const Tensor&)> function, const Tensor& input,
                           const RecomputeOptions& options = {});

// The name that PyTorch gives it. (Files of a training run are core/io/checkpoint.h.)
inline std::vector<Tensor> checkpoint(TensorFunction function, const std::vector<Tensor>& inputs,
                                      const RecomputeOptions& options = {}) {
  return recompute(std::move(function), inputs, options);
}
inline Tensor checkpoint(std::function<Tensor(const Tensor&)> function, const Tensor& input,
                         const RecomputeOptions& options = {}) {
  return recompute(std::move(function), input, options);
}

}  // namespace farro
