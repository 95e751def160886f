// SPDX-License-Identifier: Apache-2.0
// softplus and its gradient as function objects for the device's elementwise loops.
#include <farro/kernels/pointwise/device_loops.h>
#include <farro/kernels/pointwise/softplus.op.h>
#include <farro/kernels/simt/math.h>

namespace farro {

namespace {

struct SoftplusFn {
  double beta, threshold;
  template <class C>
  __device__ C operator()(C x) const {
    const C z = static_cast<C>(beta) * x;
    if (z > static_cast<C>(threshold)) return x;
    // log(1 + e^z) = max(z, 0) + log(1 + e^-|z|): the exponential cannot overflow.
    return (z > 0 ? x : C(0)) + simt::log1p(simt::exp(z > 0 ? -z : z)) / static_cast<C>(beta);
  }
};

struct SoftplusBackwardFn {
  double beta, threshold;
  template <class C>
  __device__ C operator()(C grad, C x) const {
    const C z = static_cast<C>(beta) * x;
    // Its derivative is sigmoid(beta x).
    return z > static_cast<C>(threshold) ? grad : grad * simt::sigmoid(z);
  }
};

}  // namespace

void register_softplus_cuda();
void register_softplus_cuda() {
  register_pointwise_cuda<Softplus>([](const Softplus::Args& args) { return SoftplusFn{args.beta, args.threshold}; });
  register_pointwise_cuda<SoftplusBackward>(
      [](const SoftplusBackward::Args& args) { return SoftplusBackwardFn{args.beta, args.threshold}; });
}

}  // namespace farro
