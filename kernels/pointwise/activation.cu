// SPDX-License-Identifier: Apache-2.0
// relu, leaky_relu, tanh, sigmoid, silu, gelu and their gradients as function objects for the device's elementwise
// loops. Formulas and rules for infinities and NaN are those of activation.cpu.cpp.
#include <farro/core/op/op_table.h>
#include <farro/kernels/pointwise/activation.op.h>
#include <farro/kernels/pointwise/device_loops.h>
#include <farro/kernels/simt/math.h>

namespace farro {

namespace {

// NaN is not below 0 and comes through.
struct ReluFn {
  template <class C>
  __device__ C operator()(C a) const {
    return a < C(0) ? C(0) : a;
  }
};
struct ReluBackwardFn {
  template <class C>
  __device__ C operator()(C grad, C out) const {
    return out <= C(0) ? C(0) : grad;
  }
};
// A slope of 0 leaves nothing of what is infinite, as in relu; NaN stays in the forward direction.
struct LeakyReluFn {
  double slope;
  template <class C>
  __device__ C operator()(C a) const {
    const C s = static_cast<C>(slope);
    return a > C(0) ? a : s == C(0) && a == a ? C(-0.0) : a * s;
  }
};
struct LeakyReluBackwardFn {
  double slope;
  template <class C>
  __device__ C operator()(C grad, C a) const {
    const C s = static_cast<C>(slope);
    return a > C(0) ? grad : s == C(0) ? C(0) : grad * s;
  }
};
struct TanhFn {
  template <class C>
  __device__ C operator()(C a) const {
    return simt::tanh(a);
  }
};
// y' = 1 - y^2, from the result.
struct TanhBackwardFn {
  template <class C>
  __device__ C operator()(C grad, C out) const {
    return grad * (C(1) - out * out);
  }
};
struct SigmoidFn {
  template <class C>
  __device__ C operator()(C a) const {
    return simt::sigmoid(a);
  }
};
// y' = y (1 - y), from the result.
struct SigmoidBackwardFn {
  template <class C>
  __device__ C operator()(C grad, C out) const {
    return grad * (out * (C(1) - out));
  }
};

// Arguments are cut off where the sigmoid is exactly 0 or 1 in f64 already: far out a power of a would overflow, or a
// itself be infinite, and meet that 0. NaN stays.
constexpr double kSigmoidEnd = 800, kTanhEnd = 30;
template <class C>
__device__ C not_below(C a, C end) {
  return a < -end ? -end : a;
}
template <class C>
__device__ C within(C a, C end) {
  return a > end ? end : not_below(a, end);
}

struct SiluFn {
  template <class C>
  __device__ C operator()(C a) const {
    const C x = not_below(a, C(kSigmoidEnd));
    return x * simt::sigmoid(x);
  }
};
struct SiluBackwardFn {
  template <class C>
  __device__ C operator()(C grad, C a) const {
    const C x = within(a, C(kSigmoidEnd)), s = simt::sigmoid(x);
    return grad * (s * (C(1) + x * (C(1) - s)));
  }
};

// a * P(X <= a) for a standard normal X. erfc keeps its relative precision on the left, where 1 + erf cancels.
template <class C>
__device__ C normal_cdf(C a) {
  return C(0.5) * simt::erfc(a * C(-0.70710678118654752));
}
template <class C>
__device__ C normal_density(C a) {
  return C(0.39894228040143268) * simt::exp(C(-0.5) * a * a);
}
struct GeluFn {
  template <class C>
  __device__ C operator()(C a) const {
    const C p = normal_cdf(a);
    return p == C(0) ? C(-0.0) : a * p;  // at -infinity the product would be NaN
  }
};
struct GeluBackwardFn {
  template <class C>
  __device__ C operator()(C grad, C a) const {
    const C density = normal_density(a);
    // d/da a P(a) = P(a) + a p(a). Where the density is 0, a may be infinite, and their product NaN.
    return grad * (density == C(0) ? normal_cdf(a) : normal_cdf(a) + a * density);
  }
};

// The tanh form of gelu is a * sigmoid(2u), with u = sqrt(2/pi) (a + 0.044715 a^3).
template <class C>
__device__ C gelu_twice_u(C a) {
  return C(1.5957691216057307) * (a + C(0.044715) * a * a * a);
}
struct GeluTanhFn {
  template <class C>
  __device__ C operator()(C a) const {
    const C x = not_below(a, C(kTanhEnd));
    return x * simt::sigmoid(gelu_twice_u(x));
  }
};
struct GeluTanhBackwardFn {
  template <class C>
  __device__ C operator()(C grad, C a) const {
    const C x = within(a, C(kTanhEnd)), s = simt::sigmoid(gelu_twice_u(x));
    // The derivative of 2u: 2 sqrt(2/pi) (1 + 3 * 0.044715 a^2).
    const C slope = C(1.5957691216057307) * (C(1) + C(3 * 0.044715) * x * x);
    return grad * (s + x * s * (C(1) - s) * slope);
  }
};

template <class Op, class Exact, class Tanh>
void gelu_kernel(Ctx& ctx, const typename Op::Args& args, Outputs<Op>& out) {
  if (args.approximation == GeluApproximation::none)
    device::run_pointwise_op<Op>(ctx, args, out, Exact());
  else
    device::run_pointwise_op<Op>(ctx, args, out, Tanh());
}

}  // namespace

void register_activation_cuda();
void register_activation_cuda() {
  register_pointwise_cuda<Relu, ReluFn>();
  register_pointwise_cuda<ReluBackward, ReluBackwardFn>();
  register_pointwise_cuda<LeakyRelu>([](const LeakyRelu::Args& args) { return LeakyReluFn{args.slope}; });
  register_pointwise_cuda<LeakyReluBackward>(
      [](const LeakyReluBackward::Args& args) { return LeakyReluBackwardFn{args.slope}; });
  register_pointwise_cuda<Tanh, TanhFn>();
  register_pointwise_cuda<TanhBackward, TanhBackwardFn>();
  register_pointwise_cuda<Sigmoid, SigmoidFn>();
  register_pointwise_cuda<SigmoidBackward, SigmoidBackwardFn>();
  register_pointwise_cuda<Silu, SiluFn>();
  register_pointwise_cuda<SiluBackward, SiluBackwardFn>();
  register_kernel<Gelu>(DeviceType::cuda, &gelu_kernel<Gelu, GeluFn, GeluTanhFn>);
  register_kernel<GeluBackward>(DeviceType::cuda, &gelu_kernel<GeluBackward, GeluBackwardFn, GeluTanhBackwardFn>);
}

}  // namespace farro
