// SPDX-License-Identifier: Apache-2.0
// The formulas of +, -, *, / and negation. Integers wrap.
#pragma once

#include <farro/core/dtype/wrapping.h>
#include <farro/kernels/pointwise/arithmetic.op.h>
#include <farro/kernels/pointwise/formula.h>

namespace farro {

template <class M>
struct Formula<Add, M> {
  // Two numbers and not a Number, whose third is not needed here: 5 instructions of a + b.
  int64_t whole;
  double real;
  explicit Formula(const Add::Args& args) : whole(args.alpha.to_int()), real(args.alpha.to_double()) {}
  // Fused explicitly: left to the compiler, a loop that hoists alpha * b would round once more than one that does not.
  template <class C>
  constexpr C operator()(C a, C b) const {
    if constexpr (std::is_integral_v<C>)
      return wrap_add(a, wrap_mul(static_cast<C>(whole), b));
    else
      return real == 1 ? a + b : M::fma(static_cast<C>(real), b, a);
  }
};
template <class M>
struct Formula<Sub, M> {
  constexpr auto operator()(auto a, auto b) const { return wrap_sub(a, b); }
};
template <class M>
struct Formula<Mul, M> {
  constexpr auto operator()(auto a, auto b) const { return wrap_mul(a, b); }
};
// Floating types only: quotients of integers are made floating before.
template <class M>
struct Formula<Div, M> {
  constexpr auto operator()(auto a, auto b) const { return a / b; }
};
// The least integer stays itself.
template <class M>
struct Formula<Neg, M> {
  template <class C>
  constexpr C operator()(C a) const {
    if constexpr (std::is_integral_v<C>)
      return wrap_sub(C(0), a);
    else
      return -a;
  }
};

using ArithmeticFormulas = OpList<Add, Sub, Mul, Div, Neg>;

}  // namespace farro
