// SPDX-License-Identifier: Apache-2.0
// Activations and their gradients as ops. Those whose derivative is a function of the result (relu, tanh, sigmoid) keep
// the result, so that the input can go; the others keep the input.
#include <farro/kernels/pointwise/activation.op.h>

#include <farro/autograd/call/call.h>
#include <farro/core/tensor/number.h>
#include <farro/kernels/pointwise/arithmetic.h>
#include <farro/kernels/pointwise/choose.h>
#include <farro/kernels/pointwise/unary.h>
#include <farro/kernels/pointwise/widen.h>

#include <cmath>

namespace farro {

// In the backwards of backwards, `gg` is the gradient of the gradient. It is multiplied last: the product of two
// gradients may overflow where the second derivative is 0.

Grads Relu::backward(const Back<Relu>& b) { return {relu_backward(b.grad[0], b.out[0])}; }
Grads ReluBackward::backward(const Back<ReluBackward>& b) {
  return {b.need[0] ? relu_backward(b.grad[0], b.args.from) : Tensor(), Tensor()};
}

Grads LeakyRelu::backward(const Back<LeakyRelu>& b) { return {leaky_relu_backward(b.grad[0], b.args.a, b.args.slope)}; }
Grads LeakyReluBackward::backward(const Back<LeakyReluBackward>& b) {
  return {b.need[0] ? leaky_relu_backward(b.grad[0], b.args.a, b.args.slope) : Tensor(), Tensor()};
}
Cost LeakyReluBackward::cost(const Args& args) {
  const Tensor inputs[] = {args.grad, args.a};
  return pointwise_cost(kKind, inputs, 1);
}

// y' = 1 - y^2.
Grads Tanh::backward(const Back<Tanh>& b) { return {tanh_backward(b.grad[0], b.out[0])}; }
Grads TanhBackward::backward(const Back<TanhBackward>& b) {
  const Tensor &gg = b.grad[0], out = b.args.from;
  return {b.need[0] ? tanh_backward(gg, out) : Tensor(), b.need[1] ? gg * (widened(b.args.grad) * out * -2) : Tensor()};
}

// y' = y (1 - y).
Grads Sigmoid::backward(const Back<Sigmoid>& b) { return {sigmoid_backward(b.grad[0], b.out[0])}; }
Grads SigmoidBackward::backward(const Back<SigmoidBackward>& b) {
  const Tensor &gg = b.grad[0], out = b.args.from;
  return {b.need[0] ? sigmoid_backward(gg, out) : Tensor(),
          b.need[1] ? gg * (b.args.grad * (1 - widened(out) * 2)) : Tensor()};
}

// With s = sigmoid(a): y' = s (1 + a (1 - s)) and y'' = s (1 - s) (2 + a (1 - 2 s)).
Grads Silu::backward(const Back<Silu>& b) { return {silu_backward(b.grad[0], b.args.a)}; }
Grads SiluBackward::backward(const Back<SiluBackward>& b) {
  const Tensor &gg = b.grad[0], a = b.args.from;
  Tensor second;
  if (b.need[1]) {
    const Tensor x = clamp(widened(a), -800, 800);  // beyond, s (1 - s) is 0
    const Tensor s = sigmoid(x);
    second = gg * (b.args.grad * (s * sigmoid(-x) * (x * (1 - s * 2) + 2)));
  }
  return {b.need[0] ? silu_backward(gg, a) : Tensor(), second};
}

Cost Gelu::cost(const Args& args) { return pointwise_cost(kKind, {&args.a, 1}, 4); }
Grads Gelu::backward(const Back<Gelu>& b) { return {gelu_backward(b.grad[0], b.args.a, b.args.approximation)}; }

namespace {

// y'' = phi(a) (2 - a^2); phi(40) is 0.
Tensor gelu_second(const Tensor& a) {
  constexpr double kInverseRoot2Pi = 0.39894228040143267794;
  const Tensor a2 = square(clamp(widened(a), -40, 40));
  return exp(a2 * -0.5) * (2 - a2) * kInverseRoot2Pi;
}

// With u = c (a + k a^3) and t = tanh(u): y'' = (1 - t^2) (u' + a/2 (u'' - 2 t u'^2)). At 30, 1 - t^2 is 0.
Tensor gelu_tanh_second(const Tensor& input) {
  constexpr double c = 0.79788456080286535588, k = 0.044715;
  const Tensor a = clamp(widened(input), -30, 30);
  const Tensor a2 = square(a);
  const Tensor t = tanh(a * (a2 * k + 1) * c);
  const Tensor u1 = (a2 * (3 * k) + 1) * c;
  const Tensor u2 = a * (6 * k * c);
  return (1 - square(t)) * (u1 + a * 0.5 * (u2 - t * square(u1) * 2));
}

}  // namespace

Grads GeluBackward::backward(const Back<GeluBackward>& b) {
  const Tensor &gg = b.grad[0], a = b.args.a;
  Tensor second;
  if (b.need[1]) {
    const Tensor rate = b.args.approximation == GeluApproximation::none ? gelu_second(a) : gelu_tanh_second(a);
    second = gg * (b.args.grad * rate);
  }
  return {b.need[0] ? gelu_backward(gg, a, b.args.approximation) : Tensor(), second};
}
Cost GeluBackward::cost(const Args& args) {
  const Tensor inputs[] = {args.grad, args.a};
  return pointwise_cost(kKind, inputs, 6);
}

void register_activation();
void register_activation() {
  register_ops<Relu, ReluBackward, LeakyRelu, LeakyReluBackward, Tanh, TanhBackward, Sigmoid, SigmoidBackward, Silu,
               SiluBackward, Gelu, GeluBackward>();
}

Tensor relu(const Tensor& a) { return call<Relu>({a}); }
Tensor leaky_relu(const Tensor& a, double slope) {
  FARRO_CHECK(std::isfinite(slope), ValueError, "leaky_relu: slope must be finite, got ", slope);
  return call<LeakyRelu>({a, slope});
}
Tensor tanh(const Tensor& a) { return call<Tanh>({a}); }
Tensor sigmoid(const Tensor& a) { return call<Sigmoid>({a}); }
Tensor silu(const Tensor& a) { return call<Silu>({a}); }
Tensor gelu(const Tensor& a, GeluApproximation approximation) { return call<Gelu>({a, approximation}); }

Tensor relu_backward(const Tensor& grad, const Tensor& out) {
  check_defined("relu_backward", "out", out);
  return call<ReluBackward>({grad, out});
}
Tensor leaky_relu_backward(const Tensor& grad, const Tensor& a, double slope) {
  return call<LeakyReluBackward>({.grad = grad, .a = a, .slope = slope});
}
Tensor tanh_backward(const Tensor& grad, const Tensor& out) {
  check_defined("tanh_backward", "out", out);
  return call<TanhBackward>({grad, out});
}
Tensor sigmoid_backward(const Tensor& grad, const Tensor& out) {
  check_defined("sigmoid_backward", "out", out);
  return call<SigmoidBackward>({grad, out});
}
Tensor silu_backward(const Tensor& grad, const Tensor& a) {
  check_defined("silu_backward", "a", a);
  return call<SiluBackward>({grad, a});
}
Tensor gelu_backward(const Tensor& grad, const Tensor& a, GeluApproximation approximation) {
  return call<GeluBackward>({.grad = grad, .a = a, .approximation = approximation});
}

Tensor Tensor::tanh() const { return farro::tanh(*this); }
Tensor Tensor::sigmoid() const { return farro::sigmoid(*this); }
Tensor Tensor::relu() const { return farro::relu(*this); }

}  // namespace farro
