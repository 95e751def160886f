// SPDX-License-Identifier: Apache-2.0
// The CPU loops of +, -, *, / and negation. Integers wrap, which C++ leaves undefined for signed ones; hence wrap_add
// and its like.
#include <farro/kernels/cpu/wrapping.h>
#include <farro/kernels/pointwise/arithmetic.op.h>
#include <farro/kernels/pointwise/host_loops.h>

#include <cmath>

namespace farro::FARRO_ISA {

void register_arithmetic_cpu();
void register_arithmetic_cpu() {
  register_pointwise<Add>([](const Add::Args& args) {
    // Two numbers and not a Scalar, whose kind each loop would ask for: 60 instructions of a + b.
    return [whole = args.alpha.to_int(), real = args.alpha.to_double()](auto a, auto b) {
      using T = decltype(a);
      // Fused explicitly: left to the compiler, a loop that hoists alpha * b would round once more than one that does
      // not.
      if constexpr (std::is_integral_v<T>)
        return wrap_add(a, wrap_mul(static_cast<T>(whole), b));
      else
        return real == 1 ? a + b : std::fma(static_cast<T>(real), b, a);
    };
  });
  register_pointwise<Sub>([](const Sub::Args&) { return [](auto a, auto b) { return wrap_sub(a, b); }; });
  register_pointwise<Mul>([](const Mul::Args&) { return [](auto a, auto b) { return wrap_mul(a, b); }; });
  register_pointwise<Div>([](const Div::Args&) { return [](auto a, auto b) { return a / b; }; });
  register_pointwise<Neg>([](const Neg::Args&) {
    return [](auto a) {
      if constexpr (std::is_integral_v<decltype(a)>)
        return wrap_sub(decltype(a){0}, a);
      else
        return -a;
    };
  });
}

}  // namespace farro::FARRO_ISA
