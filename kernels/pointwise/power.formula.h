// SPDX-License-Identifier: Apache-2.0
// The formulas of pow. Powers of integers are exact modulo 2^64, by squaring; floating ones use the CPU's vectorised
// pow where its argument range allows, else the standard library's.
#pragma once

#include <farro/core/dtype/wrapping.h>
#include <farro/kernels/pointwise/formula.h>
#include <farro/kernels/pointwise/power.op.h>

#include <concepts>

namespace farro {

template <class M>
struct Formula<Pow, M> {
  template <class C>
  constexpr C operator()(C base, C exponent) const {
    if constexpr (std::is_integral_v<C>)
      return integer_power(base, exponent);
    else
      return M::pow(base, exponent);
  }
  bool is_fast(std::floating_point auto base, auto exponent) const
    requires(M::kHasSlowValues)
  {
    return M::has_fast_pow(base, exponent);
  }
  auto slow(auto base, auto exponent) const
    requires(M::kHasSlowValues)
  {
    return M::slow_pow(base, exponent);
  }

  static constexpr int64_t integer_power(int64_t base, int64_t exponent) {
    // 1 / base^n rounded towards zero is 0 but for bases of 1 and -1; for 0 it is undefined and taken as 0.
    if (exponent < 0) return base == 1 ? 1 : base == -1 ? (exponent % 2 ? -1 : 1) : 0;
    int64_t result = 1;
    for (; exponent; exponent >>= 1) {
      if (exponent & 1) result = wrap_mul(result, base);
      base = wrap_mul(base, base);
    }
    return result;
  }
};
// One exponent for all: whether the fast form applies depends on the base alone.
template <class M>
struct Formula<PowScalar, M> {
  Number exponent;
  explicit Formula(const PowScalar::Args& args) : exponent(args.exponent) {}
  template <class C>
  constexpr C operator()(C base) const {
    return Formula<Pow, M>()(base, exponent.template as<C>());
  }
  template <std::floating_point C>
  bool is_fast(C base) const
    requires(M::kHasSlowValues)
  {
    return M::has_fast_pow(base, exponent.template as<C>());
  }
  template <class C>
  auto slow(C base) const
    requires(M::kHasSlowValues)
  {
    return M::slow_pow(base, exponent.template as<C>());
  }
};

using PowerFormulas = OpList<PowScalar, Pow>;

}  // namespace farro
