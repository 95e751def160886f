// SPDX-License-Identifier: Apache-2.0
// The formulas of functions of one argument. Sine and cosine have a fast form on the CPU for arguments that are not
// huge, and take the standard library's elsewhere.
#pragma once

#include <farro/core/dtype/wrapping.h>
#include <farro/kernels/pointwise/formula.h>
#include <farro/kernels/pointwise/unary.op.h>

namespace farro {

template <class M>
struct Formula<Exp, M> {
  constexpr auto operator()(auto a) const { return M::exp(a); }
};
template <class M>
struct Formula<Expm1, M> {
  constexpr auto operator()(auto a) const { return M::expm1(a); }
};
template <class M>
struct Formula<Log, M> {
  constexpr auto operator()(auto a) const { return M::log(a); }
};
template <class M>
struct Formula<Log1p, M> {
  constexpr auto operator()(auto a) const { return M::log1p(a); }
};
template <class M>
struct Formula<Sqrt, M> {
  constexpr auto operator()(auto a) const { return M::sqrt(a); }
};
// Not CUDA's rsqrt, which is an approximation with up to 2 ulp error in f32; so results agree with the CPU's.
template <class M>
struct Formula<Rsqrt, M> {
  constexpr auto operator()(auto a) const { return 1 / M::sqrt(a); }
};
template <class M>
struct Formula<Reciprocal, M> {
  constexpr auto operator()(auto a) const { return 1 / a; }
};
template <class M>
struct Formula<Sin, M> {
  constexpr auto operator()(auto a) const { return M::sin(a); }
  bool is_fast(auto a) const
    requires(M::kHasSlowValues)
  {
    return M::has_fast_trig(a);
  }
  auto slow(auto a) const
    requires(M::kHasSlowValues)
  {
    return M::slow_sin(a);
  }
};
template <class M>
struct Formula<Cos, M> {
  constexpr auto operator()(auto a) const { return M::cos(a); }
  bool is_fast(auto a) const
    requires(M::kHasSlowValues)
  {
    return M::has_fast_trig(a);
  }
  auto slow(auto a) const
    requires(M::kHasSlowValues)
  {
    return M::slow_cos(a);
  }
};
template <class M>
struct Formula<Erf, M> {
  constexpr auto operator()(auto a) const { return M::erf(a); }
};
// The least integer has no positive counterpart and stays itself.
template <class M>
struct Formula<Abs, M> {
  template <class C>
  constexpr C operator()(C a) const {
    if constexpr (std::is_integral_v<C>)
      return a < 0 ? wrap_sub(C(0), a) : a;
    else
      return M::fabs(a);
  }
};
template <class M>
struct Formula<Square, M> {
  constexpr auto operator()(auto a) const { return wrap_mul(a, a); }
};
template <class M>
struct Formula<Sign, M> {
  template <class C>
  constexpr C operator()(C a) const {
    return a > 0 ? C(1) : a < 0 ? C(-1) : a;  // a itself keeps 0 and NaN
  }
};
// Integers are whole already.
template <class M>
struct Formula<Floor, M> {
  template <class C>
  constexpr C operator()(C a) const {
    if constexpr (std::is_integral_v<C>)
      return a;
    else
      return M::floor(a);
  }
};
template <class M>
struct Formula<Ceil, M> {
  template <class C>
  constexpr C operator()(C a) const {
    if constexpr (std::is_integral_v<C>)
      return a;
    else
      return M::ceil(a);
  }
};
// Halves to even, as IEEE's default and PyTorch's.
template <class M>
struct Formula<Round, M> {
  template <class C>
  constexpr C operator()(C a) const {
    if constexpr (std::is_integral_v<C>)
      return a;
    else
      return M::rint(a);
  }
};

using UnaryFormulas =
    OpList<Exp, Expm1, Log, Log1p, Sqrt, Rsqrt, Reciprocal, Sin, Cos, Erf, Abs, Square, Sign, Floor, Ceil, Round>;

}  // namespace farro
