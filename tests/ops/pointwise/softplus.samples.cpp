// SPDX-License-Identifier: Apache-2.0
// Samples of kernels/pointwise/softplus.h.
#include <farro/kernels/pointwise/softplus.h>
#include <farro/kernels/pointwise/softplus.op.h>
#include <farro/tests/opcheck/sample.h>

#include <cmath>
#include <limits>

namespace farro::opcheck {

namespace {

// PyTorch's formula, for thresholds whose exponential f32 can hold.
template <class T>
T softplus_formula(T x, T beta, T threshold) {
  const T z = beta * x;
  return z > threshold ? x : std::log1p(std::exp(z)) / beta;
}
template <class T>
T softplus_backward_formula(T grad, T x, T beta, T threshold) {
  const T z = beta * x;
  return z > threshold ? grad : grad / (1 + std::exp(-z));
}

// Both signs from tiny to what f16 can hold, and both sides of the default threshold.
Input far_values() {
  return in({24}).values({-65504, -1e4, -1000, -120, -95, -89, -60, -20, -17, -5, -1, -1e-3,
                          1e-3, 1, 5, 17, 19.75, 20, 20.25, 60, 89, 120, 1000, 65504});
}

}  // namespace

void samples_softplus(SampleSink& sink);
void samples_softplus(SampleSink& sink) {
  const auto run = [](const Tensor& x) { return softplus(x); };
  const auto formula = []<class T>(T x) { return softplus_formula(x, T(1), T(20)); };
  sink.unary("softplus", run, formula, {.dtypes = kNumbers});
  sink.unary("softplus", run, formula, {.values = in({}).range(-30, 30).away_from(20)});

  // A result that jumps at 0.5, and a beta that mirrors the function.
  const auto low_threshold = [](const Tensor& x) { return softplus(x, 2, 1); };
  sink.unary(
      "softplus", low_threshold, []<class T>(T x) { return softplus_formula(x, T(2), T(1)); },
      {.values = in({}).away_from(0.5)});
  const auto mirrored = [](const Tensor& x) { return softplus(x, -0.5); };
  sink.unary("softplus", mirrored, []<class T>(T x) { return softplus_formula(x, T(-0.5), T(20)); });

  sink.add("softplus", {.label = "far from 0",
                        .inputs = {far_values()},
                        .run = run,
                        .reference = pointwise(formula),
                        .grad = Grad::none});
  sink.add("softplus", {.label = "far from 0, without a threshold",
                        .inputs = {far_values()},
                        .run = [](const Tensor& x) { return softplus(x, 1, std::numeric_limits<double>::infinity()); },
                        .reference = pointwise([](auto x) {
                          return x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x));
                        }),
                        .grad = Grad::none});
  sink.error<ValueError>(
      "softplus", [] { return softplus(Tensor()); }, "softplus: x must be a defined tensor, got an undefined one");

  const auto run_backward = [](const Tensor& grad, const Tensor& x) { return softplus_backward(grad, x, 1, 20); };
  const auto backward_formula = []<class T>(T grad, T x) { return softplus_backward_formula(grad, x, T(1), T(20)); };
  sink.binary("softplus_backward", run_backward, backward_formula);
  // Not in f16, where the gradient of x underflows.
  sink.binary("softplus_backward", run_backward, backward_formula,
              {.dtypes = kF32F64, .values = in({}).range(-30, 30).away_from(20)});
  const auto backward_low_threshold = [](const Tensor& grad, const Tensor& x) {
    return softplus_backward(grad, x, 2, 1);
  };
  sink.binary(
      "softplus_backward", backward_low_threshold,
      []<class T>(T grad, T x) { return softplus_backward_formula(grad, x, T(2), T(1)); },
      {.values = in({}).away_from(0.5)});
  const auto backward_mirrored = [](const Tensor& grad, const Tensor& x) {
    return softplus_backward(grad, x, -0.5, 20);
  };
  sink.binary("softplus_backward", backward_mirrored,
              []<class T>(T grad, T x) { return softplus_backward_formula(grad, x, T(-0.5), T(20)); });
  sink.add("softplus_backward", {.label = "far from 0",
                                 .inputs = {in({24}), far_values()},
                                 .run = run_backward,
                                 .reference = pointwise(backward_formula),
                                 .grad = Grad::none});
  sink.error<ShapeError>(
      "softplus_backward", [] { return softplus_backward(empty({2}), empty({3}), 1, 20); },
      "softplus_backward: shapes must be equal or broadcast (sizes equal or 1), "
      "got [2] and [3] (dimension 0: 2 and 3)");
}

}  // namespace farro::opcheck
