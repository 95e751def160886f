// SPDX-License-Identifier: Apache-2.0
// pow as function objects for the device's elementwise loops; integers as on the CPU.
#include <farro/kernels/pointwise/device_arithmetic.h>
#include <farro/kernels/pointwise/device_loops.h>
#include <farro/kernels/pointwise/power.op.h>
#include <farro/kernels/simt/math.h>

namespace farro {

namespace {

__device__ inline int64_t integer_power(int64_t base, int64_t exponent) {
  // As in power.cpu.cpp.
  if (exponent < 0) return base == 1 ? 1 : base == -1 ? (exponent % 2 ? -1 : 1) : 0;
  int64_t result = 1;
  for (; exponent; exponent >>= 1) {
    if (exponent & 1) result = device::wrap_mul(result, base);
    base = device::wrap_mul(base, base);
  }
  return result;
}

struct PowFn {
  template <class C>
  __device__ C operator()(C base, C exponent) const {
    if constexpr (std::is_integral_v<C>)
      return integer_power(base, exponent);
    else
      return simt::pow(base, exponent);
  }
};
struct PowScalarFn {
  device::Number exponent;
  template <class C>
  __device__ C operator()(C base) const {
    return PowFn()(base, exponent.template as<C>());
  }
};

}  // namespace

void register_power_cuda();
void register_power_cuda() {
  register_pointwise_cuda<PowScalar>(
      [](const PowScalar::Args& args) { return PowScalarFn{device::Number(args.exponent)}; });
  register_pointwise_cuda<Pow, PowFn>();
}

}  // namespace farro
