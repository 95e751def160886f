#include <farro/kernels/pointwise/arithmetic.op.h>
#include <farro/kernels/pointwise/loops.h>

namespace farro::FARRO_ISA {

void register_arithmetic_cpu();
void register_arithmetic_cpu() {
  register_pointwise<Add>([](const Add::Args& args) {
    return [alpha = args.alpha](auto a, auto b) { return a + static_cast<decltype(a)>(alpha) * b; };
  });
  register_pointwise<Sub>([](const Sub::Args&) { return [](auto a, auto b) { return a - b; }; });
  register_pointwise<Mul>([](const Mul::Args&) { return [](auto a, auto b) { return a * b; }; });
  register_pointwise<Div>([](const Div::Args&) { return [](auto a, auto b) { return a / b; }; });
  register_pointwise<Neg>([](const Neg::Args&) { return [](auto a) { return -a; }; });
}

}  // namespace farro::FARRO_ISA
