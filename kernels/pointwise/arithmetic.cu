// SPDX-License-Identifier: Apache-2.0
// +, -, *, / and negation as function objects for the device's elementwise loops. Integers wrap, as on the CPU.
#include <farro/kernels/pointwise/arithmetic.op.h>
#include <farro/kernels/pointwise/device_arithmetic.h>
#include <farro/kernels/pointwise/device_loops.h>
#include <farro/kernels/simt/math.h>

namespace farro {

namespace {

// Fused like the CPU's, so that both round once.
struct AddFn {
  device::Number alpha;
  template <class C>
  __device__ C operator()(C a, C b) const {
    if constexpr (std::is_integral_v<C>)
      return device::wrap_add(a, device::wrap_mul(alpha.template as<C>(), b));
    else
      return alpha.real == 1 ? a + b : simt::fma(alpha.template as<C>(), b, a);
  }
};
struct SubFn {
  template <class C>
  __device__ C operator()(C a, C b) const {
    return device::wrap_sub(a, b);
  }
};
struct MulFn {
  template <class C>
  __device__ C operator()(C a, C b) const {
    return device::wrap_mul(a, b);
  }
};
// Floating types only: quotients of integers are made floating before.
struct DivFn {
  template <class C>
  __device__ C operator()(C a, C b) const {
    return a / b;
  }
};
// The least integer stays itself, as on the CPU.
struct NegFn {
  template <class C>
  __device__ C operator()(C a) const {
    if constexpr (std::is_integral_v<C>)
      return device::wrap_sub(C(0), a);
    else
      return -a;
  }
};

}  // namespace

void register_arithmetic_cuda();
void register_arithmetic_cuda() {
  register_pointwise_cuda<Add>([](const Add::Args& args) { return AddFn{device::Number(args.alpha)}; });
  register_pointwise_cuda<Sub, SubFn>();
  register_pointwise_cuda<Mul, MulFn>();
  register_pointwise_cuda<Div, DivFn>();
  register_pointwise_cuda<Neg, NegFn>();
}

}  // namespace farro
