// SPDX-License-Identifier: Apache-2.0
// The formulas of relu, leaky_relu, tanh, sigmoid, silu, gelu and of their gradients. Conditions are written as ?:, so
// that loops of the CPU vectorise.
#pragma once

#include <farro/kernels/pointwise/activation.op.h>
#include <farro/kernels/pointwise/formula.h>

namespace farro {

namespace activation {

// Arguments are cut off where the sigmoid is exactly 0 or 1 in f64 already: far out a power of a would overflow, or a
// itself be infinite, and meet that 0. NaN stays.
inline constexpr double kSigmoidEnd = 800, kTanhEnd = 30;
template <class C>
[[gnu::always_inline]] constexpr C not_below(C a, C end) {
  return a < -end ? -end : a;
}
template <class C>
[[gnu::always_inline]] constexpr C within(C a, C end) {
  return a > end ? end : not_below(a, end);
}
// The tanh form of gelu is a * sigmoid(2u), with u = sqrt(2/pi) (a + 0.044715 a^3): no cancellation on the left.
template <class C>
[[gnu::always_inline]] constexpr C twice_u(C a) {
  return C(1.5957691216057307) * (a + C(0.044715) * a * a * a);
}

}  // namespace activation

// NaN is not below 0 and comes through.
template <class M>
struct Formula<Relu, M> {
  template <class C>
  constexpr C operator()(C a) const {
    return a < 0 ? C(0) : a;
  }
};
template <class M>
struct Formula<ReluBackward, M> {
  template <class C>
  constexpr C operator()(C grad, C out) const {
    return out <= 0 ? C(0) : grad;
  }
};
// A slope of 0 leaves nothing of what is infinite, as in relu; NaN stays in the forward direction.
template <class M>
struct Formula<LeakyRelu, M> {
  double slope;
  explicit Formula(const LeakyRelu::Args& args) : slope(args.slope) {}
  template <class C>
  constexpr C operator()(C a) const {
    const C s = static_cast<C>(slope);
    return a > 0 ? a : (s == 0) & (a == a) ? C(-0.0) : a * s;
  }
};
template <class M>
struct Formula<LeakyReluBackward, M> {
  double slope;
  explicit Formula(const LeakyReluBackward::Args& args) : slope(args.slope) {}
  template <class C>
  constexpr C operator()(C grad, C a) const {
    const C s = static_cast<C>(slope);
    return a > 0 ? grad : s == 0 ? C(0) : grad * s;
  }
};
template <class M>
struct Formula<Tanh, M> {
  constexpr auto operator()(auto a) const { return M::tanh(a); }
};
// y' = 1 - y^2, from the result.
template <class M>
struct Formula<TanhBackward, M> {
  constexpr auto operator()(auto grad, auto out) const { return grad * (1 - out * out); }
};
template <class M>
struct Formula<Sigmoid, M> {
  constexpr auto operator()(auto a) const { return M::sigmoid(a); }
};
// y' = y (1 - y), from the result.
template <class M>
struct Formula<SigmoidBackward, M> {
  constexpr auto operator()(auto grad, auto out) const { return grad * (out * (1 - out)); }
};
template <class M>
struct Formula<Silu, M> {
  template <class C>
  constexpr C operator()(C a) const {
    const C x = activation::not_below(a, C(activation::kSigmoidEnd));
    return x * M::sigmoid(x);
  }
};
// d/dx x s = s + x s (1 - s).
template <class M>
struct Formula<SiluBackward, M> {
  template <class C>
  constexpr C operator()(C grad, C a) const {
    const C x = activation::within(a, C(activation::kSigmoidEnd)), s = M::sigmoid(x);
    return grad * (s * (1 + x * (1 - s)));
  }
};

template <class M>
struct Formula<Gelu, M> {
  struct Exact {
    constexpr auto operator()(auto a) const { return M::gelu(a); }
  };
  struct Tanh {
    template <class C>
    constexpr C operator()(C a) const {
      const C x = activation::not_below(a, C(activation::kTanhEnd));
      return x * M::sigmoid(activation::twice_u(x));
    }
  };
  // One loop for each form, chosen once a call.
  template <class Run>
  static void choose(const Gelu::Args& args, Run run) {
    args.approximation == GeluApproximation::none ? run(Exact()) : run(Tanh());
  }
};
template <class M>
struct Formula<GeluBackward, M> {
  struct Exact {
    constexpr auto operator()(auto grad, auto a) const { return grad * M::gelu_derivative(a); }
  };
  struct Tanh {
    template <class C>
    constexpr C operator()(C grad, C a) const {
      const C x = activation::within(a, C(activation::kTanhEnd)), s = M::sigmoid(activation::twice_u(x));
      // d/dx x s(v) = s + x s (1 - s) v', with v = 2u and v' = 2 sqrt(2/pi) (1 + 3 * 0.044715 x^2).
      return grad * (s + x * s * (1 - s) * (C(1.5957691216057307) * (1 + C(3 * 0.044715) * x * x)));
    }
  };
  template <class Run>
  static void choose(const GeluBackward::Args& args, Run run) {
    args.approximation == GeluApproximation::none ? run(Exact()) : run(Tanh());
  }
};

using ActivationFormulas = OpList<Relu, ReluBackward, LeakyRelu, LeakyReluBackward, Tanh, TanhBackward, Sigmoid,
                                  SigmoidBackward, Silu, SiluBackward, Gelu, GeluBackward>;

}  // namespace farro
