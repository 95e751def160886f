#include <farro/kernels/pointwise/activation.op.h>
#include <farro/core/op/op_table.h>
#include <farro/kernels/pointwise/device_loops.h>
#include <farro/kernels/simt/math.h>

namespace farro {

namespace {

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
struct LeakyReluFn {
  double slope;
  template <class C>
  __device__ C operator()(C a) const {
    return a > C(0) ? a : a * static_cast<C>(slope);
  }
};
struct LeakyReluBackwardFn {
  double slope;
  template <class C>
  __device__ C operator()(C grad, C a) const {
    return a > C(0) ? grad : grad * static_cast<C>(slope);
  }
};
struct TanhFn {
  template <class C>
  __device__ C operator()(C a) const {
    return simt::tanh(a);
  }
};
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
struct SigmoidBackwardFn {
  template <class C>
  __device__ C operator()(C grad, C out) const {
    return grad * (out * (C(1) - out));
  }
};
struct SiluFn {
  template <class C>
  __device__ C operator()(C a) const {
    return a * simt::sigmoid(a);
  }
};
struct SiluBackwardFn {
  template <class C>
  __device__ C operator()(C grad, C a) const {
    const C s = simt::sigmoid(a);
    return grad * (s * (C(1) + a * (C(1) - s)));
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
    return a * simt::sigmoid(gelu_twice_u(a));
  }
};
struct GeluTanhBackwardFn {
  template <class C>
  __device__ C operator()(C grad, C a) const {
    const C s = simt::sigmoid(gelu_twice_u(a));
    const C slope = C(1.5957691216057307) * (C(1) + C(3 * 0.044715) * a * a);
    return grad * (s + a * s * (C(1) - s) * slope);
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
