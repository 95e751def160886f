#include <farro/kernels/pointwise/activation.op.h>

#include <farro/autograd/call/call.h>
#include <farro/core/tensor/number.h>
#include <farro/kernels/pointwise/arithmetic.h>
#include <farro/kernels/pointwise/unary.h>

namespace farro {

// In the backwards of backwards, `gg` is the gradient of the gradient.

Grads Relu::backward(const Saved& saved, const Grads& grads, Need) {
  return {relu_backward(grads[0], saved.out.get())};
}
Grads ReluBackward::backward(const Saved& saved, const Grads& grads, Need need) {
  return {need[0] ? relu_backward(grads[0], saved.from.get()) : Tensor(), Tensor()};
}

Grads LeakyRelu::backward(const Saved& saved, const Grads& grads, Need) {
  return {leaky_relu_backward(grads[0], saved.a.get(), saved.slope)};
}
Grads LeakyReluBackward::backward(const Saved& saved, const Grads& grads, Need need) {
  return {need[0] ? leaky_relu_backward(grads[0], saved.a.get(), saved.slope) : Tensor(), Tensor()};
}
Cost LeakyReluBackward::cost(const Args& args) {
  const Tensor inputs[] = {args.grad, args.a};
  return pointwise_cost(kKind, inputs, 1);
}

// y' = 1 - y^2.
Grads Tanh::backward(const Saved& saved, const Grads& grads, Need) {
  return {tanh_backward(grads[0], saved.out.get())};
}
Grads TanhBackward::backward(const Saved& saved, const Grads& grads, Need need) {
  const Tensor &gg = grads[0], out = saved.from.get();
  return {need[0] ? tanh_backward(gg, out) : Tensor(), need[1] ? gg * saved.grad.get() * out * -2 : Tensor()};
}

// y' = y (1 - y).
Grads Sigmoid::backward(const Saved& saved, const Grads& grads, Need) {
  return {sigmoid_backward(grads[0], saved.out.get())};
}
Grads SigmoidBackward::backward(const Saved& saved, const Grads& grads, Need need) {
  const Tensor &gg = grads[0], out = saved.from.get();
  return {need[0] ? sigmoid_backward(gg, out) : Tensor(), need[1] ? gg * saved.grad.get() * (1 - out * 2) : Tensor()};
}

// With s = sigmoid(a): y' = s (1 + a (1 - s)) and y'' = s (1 - s) (2 + a (1 - 2 s)).
Grads Silu::backward(const Saved& saved, const Grads& grads, Need) { return {silu_backward(grads[0], saved.a.get())}; }
Grads SiluBackward::backward(const Saved& saved, const Grads& grads, Need need) {
  const Tensor &gg = grads[0], a = saved.from.get();
  Tensor second;
  if (need[1]) {
    const Tensor s = sigmoid(a);
    second = gg * saved.grad.get() * (s * (1 - s) * (a * (1 - s * 2) + 2));
  }
  return {need[0] ? silu_backward(gg, a) : Tensor(), second};
}

Cost Gelu::cost(const Args& args) { return pointwise_cost(kKind, {&args.a, 1}, 4); }
Grads Gelu::backward(const Saved& saved, const Grads& grads, Need) {
  return {gelu_backward(grads[0], saved.a.get(), saved.approximation)};
}

namespace {

// y'' = phi(a) (2 - a^2).
Tensor gelu_second(const Tensor& a) {
  constexpr double kInverseRoot2Pi = 0.39894228040143267794;
  const Tensor a2 = square(a);
  return exp(a2 * -0.5) * (2 - a2) * kInverseRoot2Pi;
}

// With u = c (a + k a^3) and t = tanh(u): y'' = (1 - t^2) (u' + a/2 (u'' - 2 t u'^2)).
Tensor gelu_tanh_second(const Tensor& a) {
  constexpr double c = 0.79788456080286535588, k = 0.044715;
  const Tensor a2 = square(a);
  const Tensor t = tanh(a * (a2 * k + 1) * c);
  const Tensor u1 = (a2 * (3 * k) + 1) * c;
  const Tensor u2 = a * (6 * k * c);
  return (1 - square(t)) * (u1 + a * 0.5 * (u2 - t * square(u1) * 2));
}

}  // namespace

Grads GeluBackward::backward(const Saved& saved, const Grads& grads, Need need) {
  const Tensor &gg = grads[0], a = saved.a.get();
  Tensor second;
  if (need[1]) {
    second =
        gg * saved.grad.get() * (saved.approximation == GeluApproximation::none ? gelu_second(a) : gelu_tanh_second(a));
  }
  return {need[0] ? gelu_backward(gg, a, saved.approximation) : Tensor(), second};
}
Cost GeluBackward::cost(const Args& args) {
  const Tensor inputs[] = {args.grad, args.a};
  return pointwise_cost(kKind, inputs, 6);
}

void register_activation();
void register_activation() {
  register_op<Relu>();
  register_op<ReluBackward>();
  register_op<LeakyRelu>();
  register_op<LeakyReluBackward>();
  register_op<Tanh>();
  register_op<TanhBackward>();
  register_op<Sigmoid>();
  register_op<SigmoidBackward>();
  register_op<Silu>();
  register_op<SiluBackward>();
  register_op<Gelu>();
  register_op<GeluBackward>();
}

Tensor relu(const Tensor& a) { return call<Relu>({a}); }
Tensor leaky_relu(const Tensor& a, double slope) { return call<LeakyRelu>({a, slope}); }
Tensor tanh(const Tensor& a) { return call<Tanh>({a}); }
Tensor sigmoid(const Tensor& a) { return call<Sigmoid>({a}); }
Tensor silu(const Tensor& a) { return call<Silu>({a}); }
Tensor gelu(const Tensor& a, GeluApproximation approximation) { return call<Gelu>({a, approximation}); }

Tensor relu_backward(const Tensor& grad, const Tensor& out) {
  check_defined("relu_backward", "out", out);
  return call<ReluBackward>({grad, out});
}
Tensor leaky_relu_backward(const Tensor& grad, const Tensor& a, double slope) {
  return call<LeakyReluBackward>({grad, a, slope});
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
  return call<GeluBackward>({grad, a, approximation});
}

Tensor Tensor::tanh() const { return farro::tanh(*this); }
Tensor Tensor::sigmoid() const { return farro::sigmoid(*this); }
Tensor Tensor::relu() const { return farro::relu(*this); }

}  // namespace farro
