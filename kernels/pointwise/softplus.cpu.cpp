// SPDX-License-Identifier: Apache-2.0
// The CPU loops of softplus, log(1 + exp(beta x)) / beta, and its gradient; beyond the threshold it is x itself.
#include <farro/kernels/cpu/vector_math.h>
#include <farro/kernels/pointwise/host_loops.h>
#include <farro/kernels/pointwise/softplus.op.h>

namespace farro::FARRO_ISA {

void register_softplus_cpu();
void register_softplus_cpu() {
  register_pointwise<Softplus>([](const Softplus::Args& args) {
    return [beta = args.beta, threshold = args.threshold](auto x) {
      using C = decltype(x);
      const C z = static_cast<C>(beta) * x;
      // log(1 + e^z) = max(z, 0) + log(1 + e^-|z|): the exponential cannot overflow.
      const C tail = vmath::log1p(vmath::exp(z > 0 ? -z : z)) / static_cast<C>(beta);
      return z > static_cast<C>(threshold) ? x : (z > 0 ? x : C(0)) + tail;
    };
  });
  register_pointwise<SoftplusBackward>([](const SoftplusBackward::Args& args) {
    return [beta = args.beta, threshold = args.threshold](auto grad, auto x) {
      using C = decltype(x);
      const C z = static_cast<C>(beta) * x;
      // Its derivative is sigmoid(beta x).
      return z > static_cast<C>(threshold) ? grad : grad * vmath::sigmoid(z);
    };
  });
}

}  // namespace farro::FARRO_ISA
