#include <farro/kernels/pointwise/arithmetic.op.h>
#include <farro/kernels/pointwise/loops.h>

#include <cmath>

namespace farro::FARRO_ISA {

void register_arithmetic_cpu();
void register_arithmetic_cpu() {
  register_pointwise<Add>([](const Add::Args& args) {
    return [alpha = args.alpha](auto a, auto b) {
      // Fused explicitly: left to the compiler, a loop that hoists alpha * b would round once more than one that does not.
      if constexpr (std::is_integral_v<decltype(a)>) return a + static_cast<decltype(a)>(alpha) * b;
      else return alpha == 1 ? a + b : std::fma(static_cast<decltype(a)>(alpha), b, a);
    };
  });
  register_pointwise<Sub>([](const Sub::Args&) { return [](auto a, auto b) { return a - b; }; });
  register_pointwise<Mul>([](const Mul::Args&) { return [](auto a, auto b) { return a * b; }; });
  register_pointwise<Div>([](const Div::Args&) { return [](auto a, auto b) { return a / b; }; });
  register_pointwise<Neg>([](const Neg::Args&) { return [](auto a) { return -a; }; });
}

}  // namespace farro::FARRO_ISA
