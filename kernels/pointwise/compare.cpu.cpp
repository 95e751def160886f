// SPDX-License-Identifier: Apache-2.0
// The CPU loops of comparisons, logical operations and tests for NaN and infinity; all of them write bool.
#include <farro/kernels/pointwise/compare.op.h>
#include <farro/kernels/pointwise/host_loops.h>

#include <limits>

namespace farro::FARRO_ISA {

void register_compare_cpu();
void register_compare_cpu() {
  register_pointwise<Eq>([](const Eq::Args&) { return [](auto a, auto b) { return a == b; }; });
  register_pointwise<Ne>([](const Ne::Args&) { return [](auto a, auto b) { return a != b; }; });
  register_pointwise<Lt>([](const Lt::Args&) { return [](auto a, auto b) { return a < b; }; });
  register_pointwise<Le>([](const Le::Args&) { return [](auto a, auto b) { return a <= b; }; });
  register_pointwise<Gt>([](const Gt::Args&) { return [](auto a, auto b) { return a > b; }; });
  register_pointwise<Ge>([](const Ge::Args&) { return [](auto a, auto b) { return a >= b; }; });
  // Bitwise operators on the tests: no branches, so that the loops vectorise.
  register_pointwise<LogicalAnd>(
      [](const LogicalAnd::Args&) { return [](auto a, auto b) { return (a != 0) & (b != 0); }; });
  register_pointwise<LogicalOr>(
      [](const LogicalOr::Args&) { return [](auto a, auto b) { return (a != 0) | (b != 0); }; });
  register_pointwise<LogicalXor>(
      [](const LogicalXor::Args&) { return [](auto a, auto b) { return (a != 0) ^ (b != 0); }; });
  register_pointwise<LogicalNot>([](const LogicalNot::Args&) { return [](auto a) { return a == 0; }; });
  register_pointwise<IsNan>([](const IsNan::Args&) { return [](auto a) { return a != a; }; });
  register_pointwise<IsFinite>([](const IsFinite::Args&) {
    return [](auto a) {
      using T = decltype(a);
      if constexpr (std::is_integral_v<T>)
        return true;
      else
        return (a < std::numeric_limits<T>::infinity()) & (a > -std::numeric_limits<T>::infinity());
    };
  });
}

}  // namespace farro::FARRO_ISA
