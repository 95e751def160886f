// SPDX-License-Identifier: Apache-2.0
// What an elementwise op computes, written once for the CPU and the device. A <name>.formula.h says
//
//     template <class M>
//     struct Formula<Exp, M> {
//       constexpr auto operator()(auto a) const { return M::exp(a); }
//     };
//     using UnaryFormulas = OpList<Exp, ...>;
//
// and CMake makes the files that compile it: <name>.cpu.cpp for every instruction set, with M = HostMath (host_math.h),
// and <name>.cu, with M = DeviceMath (device_math.h). Values come in the compute type: float, double or int64_t
// (PointwiseKind says which). Functions that a formula needs beside it take M as a parameter or are constexpr and
// always inlined: the same inline function of two instruction sets would be one to the linker.
//
// A formula with parameters is made from the call's Args. One of several forms has, in the place of operator(),
//
//     template <class Run> static void choose(const Args& args, Run run);   // run(one of the forms)
//
// and one whose M is fast for a part of all values only has is_fast and slow (host_loops.h) where M::kHasSlowValues.
#pragma once

#include <farro/core/tensor/scalar.h>

#include <cstdint>
#include <type_traits>

namespace farro {

template <class Op, class M>
struct Formula;

// The ops of a *.formula.h.
template <class... Op>
struct OpList {};

// A C++ number among the parameters of a formula: each compute type finds its own form of it. Integers saturate, since
// bounds of clamp may lie outside.
struct Number {
  explicit Number(const Scalar& value)
      : real(value.to_double()), single(value.to_real<float>()), integer(value.to_int()) {}

  template <class T>
  [[gnu::always_inline]] constexpr T as() const {
    if constexpr (std::is_integral_v<T>)
      return static_cast<T>(integer);
    else if constexpr (std::is_same_v<T, float>)
      return single;  // an integer rounded once, not by way of double
    else
      return static_cast<T>(real);
  }

  double real;
  float single;
  int64_t integer;
};

// run(the function object that computes the op with these arguments).
template <class Op, class M, class Run>
void with_formula(const typename Op::Args& args, Run run) {
  using F = Formula<Op, M>;
  if constexpr (requires { F::choose(args, run); })
    F::choose(args, run);
  else if constexpr (std::is_constructible_v<F, const typename Op::Args&>)
    run(F(args));
  else
    run(F());
}

}  // namespace farro
