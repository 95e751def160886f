// SPDX-License-Identifier: Apache-2.0
// The formulas of softplus, log(1 + exp(beta x)) / beta, and its gradient; beyond the threshold it is x itself.
#pragma once

#include <farro/kernels/pointwise/formula.h>
#include <farro/kernels/pointwise/softplus.op.h>

namespace farro {

template <class M>
struct Formula<Softplus, M> {
  double beta, threshold;
  explicit Formula(const Softplus::Args& args) : beta(args.beta), threshold(args.threshold) {}
  template <class C>
  constexpr C operator()(C x) const {
    const C z = static_cast<C>(beta) * x;
    // log(1 + e^z) = max(z, 0) + log(1 + e^-|z|): the exponential cannot overflow.
    const C tail = M::log1p(M::exp(z > 0 ? -z : z)) / static_cast<C>(beta);
    return z > static_cast<C>(threshold) ? x : (z > 0 ? x : C(0)) + tail;
  }
};
// Its derivative is sigmoid(beta x).
template <class M>
struct Formula<SoftplusBackward, M> {
  double beta, threshold;
  explicit Formula(const SoftplusBackward::Args& args) : beta(args.beta), threshold(args.threshold) {}
  template <class C>
  constexpr C operator()(C grad, C x) const {
    const C z = static_cast<C>(beta) * x;
    return z > static_cast<C>(threshold) ? grad : grad * M::sigmoid(z);
  }
};

using SoftplusFormulas = OpList<Softplus, SoftplusBackward>;

}  // namespace farro
