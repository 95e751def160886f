// SPDX-License-Identifier: Apache-2.0
// Activation functions as modules, for Sequential. Formulas: farro/kernels/pointwise/activation.h.
#pragma once

#include <farro/core/api.h>
#include <farro/kernels/pointwise/activation.h>
#include <farro/kernels/softmax/softmax.h>
#include <farro/nn/module/module.h>

#include <cmath>

namespace farro::nn {

// A module around a function of one tensor.
template <Tensor (*kFunction)(const Tensor&)>
class Activation : public Module {
 public:
  using Module::Module;
  Tensor forward(const Tensor& x) override { return kFunction(x); }
};

class ReLU final : public Activation<&relu> {
  using Activation::Activation;
};
class SiLU final : public Activation<&silu> {
  using Activation::Activation;
};
class Sigmoid final : public Activation<&sigmoid> {
  using Activation::Activation;
};
class Tanh final : public Activation<&tanh> {
  using Activation::Activation;
};

struct LeakyReLUOptions {
  double negative_slope = 0.01;
};

class FARRO_API LeakyReLU final : public Module {
 public:
  using Options = LeakyReLUOptions;
  // ValueError unless negative_slope is finite.
  LeakyReLU(Parent parent, std::string_view name, const LeakyReLUOptions& o = {}) : Module(parent, name), options(o) {
    FARRO_CHECK(std::isfinite(options.negative_slope), ValueError, "LeakyReLU: negative_slope must be finite, got ",
                options.negative_slope);
  }
  Tensor forward(const Tensor& x) override { return leaky_relu(x, options.negative_slope); }

  const LeakyReLUOptions options;
};

struct GELUOptions {
  GeluApproximation approximation = GeluApproximation::none;
};

class FARRO_API GELU final : public Module {
 public:
  using Options = GELUOptions;
  GELU(Parent parent, std::string_view name, const GELUOptions& o = {}) : Module(parent, name), options(o) {}
  Tensor forward(const Tensor& x) override { return gelu(x, options.approximation); }

  const GELUOptions options;
};

struct SoftmaxOptions {
  int64_t dim = -1;
};

class FARRO_API Softmax final : public Module {
 public:
  using Options = SoftmaxOptions;
  Softmax(Parent parent, std::string_view name, const SoftmaxOptions& o = {}) : Module(parent, name), options(o) {}
  Tensor forward(const Tensor& x) override { return softmax(x, options.dim); }

  const SoftmaxOptions options;
};

}  // namespace farro::nn
