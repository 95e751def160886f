// SPDX-License-Identifier: Apache-2.0
// Walks a recorded graph backwards. Tensor::backward() accumulates into the leaves; grad() returns gradients instead.
#pragma once

#include <farro/core/api.h>
#include <farro/core/tensor/tensor.h>

#include <functional>
#include <span>
#include <vector>

namespace farro {

// A function of tensors, for recompute() and gradcheck().
using TensorFunction = std::function<std::vector<Tensor>(const std::vector<Tensor>& inputs)>;

// Sum of d(output_i)/d(leaf) * gradients_i into every leaf's grad(). An undefined gradient stands for 1 and needs an
// output with one element. Throws AutogradError where an output has no graph or the graph was freed; ShapeError,
// DeviceError and DTypeError where a gradient does not fit (one floating dtype is converted to another).
FARRO_API void backward(std::span<const Tensor> outputs, std::span<const Tensor> gradients = {},
                        BackwardOptions options = {});

struct GradOptions {
  bool retain_graph = false;
  bool create_graph = false;  // the result can be differentiated again; implies retain_graph
  bool allow_unused = false;  // an input that the outputs do not depend on gives an undefined tensor, not an error
};

// The gradients with respect to `inputs` (leaves or not), without touching anybody's grad(), retain_grad() or not.
FARRO_API std::vector<Tensor> grad(std::span<const Tensor> outputs, std::span<const Tensor> inputs,
                                   std::span<const Tensor> gradients = {}, GradOptions options = {});
FARRO_API Tensor grad(const Tensor& output, const Tensor& input, GradOptions options = {});

// While it lives, backward() on this thread stops at the first node that produces NaN, naming the op and the module
// path where it was recorded.
class FARRO_API AnomalyGuard {
 public:
  AnomalyGuard() noexcept;
  ~AnomalyGuard();
  AnomalyGuard(const AnomalyGuard&) = delete;
  AnomalyGuard& operator=(const AnomalyGuard&) = delete;

 private:
  bool previous_;
};

}  // namespace farro
