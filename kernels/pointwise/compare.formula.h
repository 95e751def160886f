// SPDX-License-Identifier: Apache-2.0
// The formulas of comparisons, logical operations and tests for NaN and infinity; all of them give bool. Comparisons
// with NaN are false, but for !=. Bitwise operators on the tests: no branches, so that the CPU's loops vectorise.
#pragma once

#include <farro/kernels/pointwise/compare.op.h>
#include <farro/kernels/pointwise/formula.h>

#include <limits>

namespace farro {

template <class M>
struct Formula<Eq, M> {
  constexpr bool operator()(auto a, auto b) const { return a == b; }
};
template <class M>
struct Formula<Ne, M> {
  constexpr bool operator()(auto a, auto b) const { return a != b; }
};
template <class M>
struct Formula<Lt, M> {
  constexpr bool operator()(auto a, auto b) const { return a < b; }
};
template <class M>
struct Formula<Le, M> {
  constexpr bool operator()(auto a, auto b) const { return a <= b; }
};
template <class M>
struct Formula<Gt, M> {
  constexpr bool operator()(auto a, auto b) const { return a > b; }
};
template <class M>
struct Formula<Ge, M> {
  constexpr bool operator()(auto a, auto b) const { return a >= b; }
};
template <class M>
struct Formula<LogicalAnd, M> {
  constexpr bool operator()(auto a, auto b) const { return (a != 0) & (b != 0); }
};
template <class M>
struct Formula<LogicalOr, M> {
  constexpr bool operator()(auto a, auto b) const { return (a != 0) | (b != 0); }
};
template <class M>
struct Formula<LogicalXor, M> {
  constexpr bool operator()(auto a, auto b) const { return (a != 0) ^ (b != 0); }
};
template <class M>
struct Formula<LogicalNot, M> {
  constexpr bool operator()(auto a) const { return a == 0; }
};
template <class M>
struct Formula<IsNan, M> {
  constexpr bool operator()(auto a) const { return a != a; }
};
template <class M>
struct Formula<IsFinite, M> {
  template <class C>
  constexpr bool operator()(C a) const {
    if constexpr (std::is_integral_v<C>)
      return true;
    else
      return (a < std::numeric_limits<C>::infinity()) & (a > -std::numeric_limits<C>::infinity());
  }
};

using CompareFormulas = OpList<Eq, Ne, Lt, Le, Gt, Ge, LogicalAnd, LogicalOr, LogicalXor, LogicalNot, IsNan, IsFinite>;

}  // namespace farro
