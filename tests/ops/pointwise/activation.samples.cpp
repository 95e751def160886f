// SPDX-License-Identifier: Apache-2.0
// Samples of kernels/pointwise/activation.h.
#include <farro/kernels/pointwise/activation.h>
#include <farro/kernels/pointwise/activation.op.h>
#include <farro/kernels/memory/factories.h>
#include <farro/tests/opcheck/sample.h>

#include <cmath>

namespace farro::opcheck {

namespace {

template <class T>
T sigmoid_of(T x) { return x < 0 ? std::exp(x) / (1 + std::exp(x)) : 1 / (1 + std::exp(-x)); }
template <class T>
T normal_cdf(T x) { return T(0.5) * std::erfc(-x / std::sqrt(T(2))); }
template <class T>
T gelu_tanh_of(T x) {
  const T u = T(0.79788456080286535588) * (x + T(0.044715) * x * x * x);
  return x / 2 * (1 + std::tanh(u));
}
template <class T>
T gelu_tanh_slope(T x) {
  const T c = T(0.79788456080286535588), t = std::tanh(c * (x + T(0.044715) * x * x * x));
  return (1 + t) / 2 + x / 2 * (1 - t * t) * c * (1 + T(3 * 0.044715) * x * x);
}

const Input kAwayFrom0 = in({}).away_from(0);

}  // namespace

void samples_activation(SampleSink& sink);
void samples_activation(SampleSink& sink) {
  const auto relu_formula = [](auto x) { return x < 0 ? decltype(x)(0) : x; };
  sink.unary("relu", relu, relu_formula, {.values = kAwayFrom0, .exact = true});
  sink.add("relu", {.label = "integers", .inputs = {in({3, 4}).range(-9, 9)}, .run = relu, .reference = pointwise(relu_formula),
                    .dtypes = kIntegers & ~dtype_set({DType::u8})});
  sink.binary("relu_backward", relu_backward, [](auto g, auto y) { return y <= 0 ? decltype(g)(0) : g; },
              {.values = kAwayFrom0, .exact = true});

  const auto leaky = [](const Tensor& a) { return leaky_relu(a, 0.25); };
  sink.unary("leaky_relu", leaky, [](auto x) { return x > 0 ? x : x / 4; }, {.values = kAwayFrom0});
  const auto leaky_backward = [](const Tensor& grad, const Tensor& a) { return leaky_relu_backward(grad, a, 0.25); };
  sink.binary("leaky_relu_backward", leaky_backward, [](auto g, auto x) { return x > 0 ? g : g / 4; }, {.values = kAwayFrom0});

  sink.unary("tanh", tanh, [](auto x) { return std::tanh(x); });
  sink.binary("tanh_backward", tanh_backward, [](auto g, auto y) { return g * (1 - y * y); }, {.special = false});
  sink.unary("sigmoid", sigmoid, [](auto x) { return sigmoid_of(x); });
  sink.binary("sigmoid_backward", sigmoid_backward, [](auto g, auto y) { return g * y * (1 - y); }, {.special = false});
  // The limit at -infinity, where PyTorch has infinity times 0.
  sink.unary("silu", silu, []<class T>(T x) { return x == -std::numeric_limits<T>::infinity() ? T(-0.0) : x * sigmoid_of(x); });
  sink.binary("silu_backward", silu_backward, [](auto g, auto x) {
    const auto s = sigmoid_of(x);
    return g * s * (1 + x * (1 - s));
  }, {.special = false});

  const auto exact_gelu = [](const Tensor& a) { return gelu(a); };
  const auto tanh_gelu = [](const Tensor& a) { return gelu(a, GeluApproximation::tanh); };
  sink.unary("gelu", exact_gelu, [](auto x) { return std::isinf(x) ? (x > 0 ? x : decltype(x)(0)) : x * normal_cdf(x); });
  sink.unary("gelu", tanh_gelu, [](auto x) { return gelu_tanh_of(x); }, {.special = false});
  const auto exact_backward = [](const Tensor& g, const Tensor& a) { return gelu_backward(g, a, GeluApproximation::none); };
  const auto tanh_backward_ = [](const Tensor& g, const Tensor& a) { return gelu_backward(g, a, GeluApproximation::tanh); };
  sink.binary("gelu_backward", exact_backward, [](auto g, auto x) {
    using T = decltype(x);
    return g * (normal_cdf(x) + x * std::exp(-x * x / 2) * T(0.39894228040143267794));
  }, {.special = false});
  sink.binary("gelu_backward", tanh_backward_, [](auto g, auto x) { return g * gelu_tanh_slope(x); }, {.special = false});

  const auto undefined = [&](const char* op, Tensor (*run)(const Tensor&)) {
    sink.error<ValueError>(op, [run] { return run(Tensor()); }, str(op, ": a must be a defined tensor, got an undefined one"));
  };
  undefined("relu", relu);
  undefined("tanh", tanh);
  undefined("sigmoid", sigmoid);
  undefined("silu", silu);
  sink.error<ShapeError>("relu_backward", [] { return relu_backward(zeros({2}), zeros({3})); },
                         "relu_backward: shapes must be equal or broadcast (sizes equal or 1), got [2] and [3] (dimension 0: 2 and 3)");
}

}  // namespace farro::opcheck
