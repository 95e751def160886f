// SPDX-License-Identifier: Apache-2.0
// The CPU loops of pow. Powers of integers are exact modulo 2^64, by squaring; floating ones use the vectorised pow
// where its argument range allows, else the standard library's.
#include <farro/kernels/cpu/vector_math.h>
#include <farro/kernels/cpu/wrapping.h>
#include <farro/kernels/pointwise/host_loops.h>
#include <farro/kernels/pointwise/power.op.h>

#include <cmath>
#include <concepts>

namespace farro::FARRO_ISA {

namespace {

int64_t integer_power(int64_t base, int64_t exponent) {
  // 1 / base^n rounded towards zero is 0 but for bases of 1 and -1; for 0 it is undefined and taken as 0.
  if (exponent < 0) return base == 1 ? 1 : base == -1 ? (exponent % 2 ? -1 : 1) : 0;
  int64_t result = 1;
  for (; exponent; exponent >>= 1) {
    if (exponent & 1) result = wrap_mul(result, base);
    base = wrap_mul(base, base);
  }
  return result;
}

template <class T>
T power(T base, T exponent) {
  if constexpr (std::is_integral_v<T>)
    return integer_power(base, exponent);
  else
    return vmath::pow(base, exponent);
}

struct PowFn {
  bool is_fast(std::floating_point auto base, auto exponent) const { return vmath::has_fast_pow(base, exponent); }
  auto slow(auto base, auto exponent) const { return std::pow(base, exponent); }
  auto operator()(auto base, auto exponent) const { return power(base, exponent); }
};
// One exponent for all: whether the fast form applies depends on the base alone.
struct PowScalarFn {
  Scalar exponent;
  bool is_fast(std::floating_point auto base) const {
    return vmath::has_fast_pow(base, number_as<decltype(base)>(exponent));
  }
  auto slow(auto base) const { return std::pow(base, number_as<decltype(base)>(exponent)); }
  auto operator()(auto base) const { return power(base, number_as<decltype(base)>(exponent)); }
};

}  // namespace

void register_power_cpu();
void register_power_cpu() {
  register_pointwise<PowScalar>([](const PowScalar::Args& args) { return PowScalarFn{args.exponent}; });
  register_pointwise<Pow>([](const Pow::Args&) { return PowFn(); });
}

}  // namespace farro::FARRO_ISA
