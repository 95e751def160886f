#include <farro/kernels/cpu/vector_normal.h>
#include <farro/kernels/pointwise/activation.op.h>
#include <farro/kernels/pointwise/loops.h>

namespace farro::FARRO_ISA {

namespace {

// The tanh form of gelu is a * sigmoid(2u), with u = sqrt(2/pi) (a + 0.044715 a^3): no cancellation on the left.
template <class T>
inline T twice_u(T a) {
  return T(1.5957691216057307) * (a + T(0.044715) * a * a * a);
}
template <class T>
inline T gelu_tanh(T a) {
  return a * vmath::sigmoid(twice_u(a));
}
template <class T>
inline T gelu_tanh_derivative(T a) {
  const T s = vmath::sigmoid(twice_u(a));
  return s + a * s * (1 - s) * (T(1.5957691216057307) * (1 + T(3 * 0.044715) * a * a));
}
template <class T>
inline T silu_derivative(T a) {
  const T s = vmath::sigmoid(a);
  return s * (1 + a * (1 - s));
}

// One loop for each form, chosen once a call.
void gelu_kernel(const Gelu::Args& args, Outputs<Gelu>& out) {
  if (args.approximation == GeluApproximation::none)
    return run_pointwise_op<Gelu>(args, out, [](auto a) { return vmath::gelu(a); });
  run_pointwise_op<Gelu>(args, out, [](auto a) { return gelu_tanh(a); });
}
void gelu_backward_kernel(const GeluBackward::Args& args, Outputs<GeluBackward>& out) {
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
    return [slope = args.slope](auto a) { return a > 0 ? a : a * static_cast<decltype(a)>(slope); };
  });
  register_pointwise<LeakyReluBackward>([](const LeakyReluBackward::Args& args) {
    return [slope = args.slope](auto grad, auto a) { return a > 0 ? grad : grad * static_cast<decltype(a)>(slope); };
  });
  register_pointwise<Tanh>([](const UnaryArgs&) { return [](auto a) { return vmath::tanh(a); }; });
  register_pointwise<TanhBackward>(
      [](const TanhBackward::Args&) { return [](auto grad, auto out) { return grad * (1 - out * out); }; });
  register_pointwise<Sigmoid>([](const UnaryArgs&) { return [](auto a) { return vmath::sigmoid(a); }; });
  register_pointwise<SigmoidBackward>(
      [](const SigmoidBackward::Args&) { return [](auto grad, auto out) { return grad * (out * (1 - out)); }; });
  register_pointwise<Silu>([](const UnaryArgs&) { return [](auto a) { return a * vmath::sigmoid(a); }; });
  register_pointwise<SiluBackward>(
      [](const SiluBackward::Args&) { return [](auto grad, auto a) { return grad * silu_derivative(a); }; });
  register_kernel<Gelu>(DeviceType::cpu, &gelu_kernel);
  register_kernel<GeluBackward>(DeviceType::cpu, &gelu_backward_kernel);
}

}  // namespace farro::FARRO_ISA
