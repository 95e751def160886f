// SPDX-License-Identifier: Apache-2.0
// The CPU loops of relu, leaky_relu, tanh, sigmoid, silu and gelu and of their gradients. Conditions are written as ?:,
// so that the loops vectorise.
#include <farro/core/op/op_table.h>
#include <farro/kernels/cpu/vector_normal.h>
#include <farro/kernels/pointwise/activation.op.h>
#include <farro/kernels/pointwise/host_loops.h>

namespace farro::FARRO_ISA {

namespace {

// Arguments are cut off where the sigmoid is exactly 0 or 1 in f64 already: far out a power of a would overflow, or a
// itself be infinite, and meet that 0. NaN stays.
constexpr double kSigmoidEnd = 800, kTanhEnd = 30;
template <class T>
inline T not_below(T a, double end) {
  return a < T(-end) ? T(-end) : a;
}
template <class T>
inline T within(T a, double end) {
  return a > T(end) ? T(end) : not_below(a, end);
}

// The tanh form of gelu is a * sigmoid(2u), with u = sqrt(2/pi) (a + 0.044715 a^3): no cancellation on the left.
template <class T>
inline T twice_u(T a) {
  return T(1.5957691216057307) * (a + T(0.044715) * a * a * a);
}
template <class T>
inline T gelu_tanh(T a) {
  const T x = not_below(a, kTanhEnd);
  return x * vmath::sigmoid(twice_u(x));
}
template <class T>
inline T gelu_tanh_derivative(T a) {
  const T x = within(a, kTanhEnd), s = vmath::sigmoid(twice_u(x));
  // d/dx x s(v) = s + x s (1 - s) v', with v = 2u and v' = 2 sqrt(2/pi) (1 + 3 * 0.044715 x^2).
  return s + x * s * (1 - s) * (T(1.5957691216057307) * (1 + T(3 * 0.044715) * x * x));
}
template <class T>
inline T silu(T a) {
  const T x = not_below(a, kSigmoidEnd);
  return x * vmath::sigmoid(x);
}
template <class T>
inline T silu_derivative(T a) {
  const T x = within(a, kSigmoidEnd), s = vmath::sigmoid(x);
  // d/dx x s = s + x s (1 - s).
  return s * (1 + x * (1 - s));
}
// A slope of 0 leaves nothing of what is infinite, as in relu; NaN stays in the forward direction.
template <class T>
inline T sloped(T a, T slope) {
  return (slope == 0) & (a == a) ? T(-0.0) : a * slope;
}

// One loop for each form, chosen once a call.
void gelu_kernel(Ctx&, const Gelu::Args& args, Outputs<Gelu>& out) {
  if (args.approximation == GeluApproximation::none)
    return run_pointwise_op<Gelu>(args, out, [](auto a) { return vmath::gelu(a); });
  run_pointwise_op<Gelu>(args, out, [](auto a) { return gelu_tanh(a); });
}
void gelu_backward_kernel(Ctx&, const GeluBackward::Args& args, Outputs<GeluBackward>& out) {
  if (args.approximation == GeluApproximation::none)
    return run_pointwise_op<GeluBackward>(args, out, [](auto g, auto a) { return g * vmath::gelu_derivative(a); });
  run_pointwise_op<GeluBackward>(args, out, [](auto g, auto a) { return g * gelu_tanh_derivative(a); });
}

}  // namespace

void register_activation_cpu();
void register_activation_cpu() {
  register_pointwise<Relu>([](const UnaryArgs&) { return [](auto a) { return a < 0 ? decltype(a){0} : a; }; });
  register_pointwise<ReluBackward>([](const ReluBackward::Args&) {
    return [](auto grad, auto out) { return out <= 0 ? decltype(grad){0} : grad; };
  });
  register_pointwise<LeakyRelu>([](const LeakyRelu::Args& args) {
    return [slope = args.slope](auto a) { return a > 0 ? a : sloped(a, static_cast<decltype(a)>(slope)); };
  });
  register_pointwise<LeakyReluBackward>([](const LeakyReluBackward::Args& args) {
    return [slope = args.slope](auto grad, auto a) {
      const auto s = static_cast<decltype(a)>(slope);
      return a > 0 ? grad : s == 0 ? decltype(grad){0} : grad * s;
    };
  });
  register_pointwise<Tanh>([](const UnaryArgs&) { return [](auto a) { return vmath::tanh(a); }; });
  register_pointwise<TanhBackward>(
      [](const TanhBackward::Args&) { return [](auto grad, auto out) { return grad * (1 - out * out); }; });
  register_pointwise<Sigmoid>([](const UnaryArgs&) { return [](auto a) { return vmath::sigmoid(a); }; });
  register_pointwise<SigmoidBackward>(
      [](const SigmoidBackward::Args&) { return [](auto grad, auto out) { return grad * (out * (1 - out)); }; });
  register_pointwise<Silu>([](const UnaryArgs&) { return [](auto a) { return silu(a); }; });
  register_pointwise<SiluBackward>(
      [](const SiluBackward::Args&) { return [](auto grad, auto a) { return grad * silu_derivative(a); }; });
  register_kernel<Gelu>(DeviceType::cpu, &gelu_kernel);
  register_kernel<GeluBackward>(DeviceType::cpu, &gelu_backward_kernel);
}

}  // namespace farro::FARRO_ISA
