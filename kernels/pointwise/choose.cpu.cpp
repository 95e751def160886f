// SPDX-License-Identifier: Apache-2.0
// The CPU loops of where, masked_fill, clamp, maximum and minimum. Tests are combined with | instead of ||: without
// branches the loops vectorise.
#include <farro/kernels/cpu/wrapping.h>
#include <farro/kernels/pointwise/choose.op.h>
#include <farro/kernels/pointwise/host_loops.h>

namespace farro::FARRO_ISA {

void register_choose_cpu();
void register_choose_cpu() {
  register_pointwise<Where>([](const Where::Args&) { return [](auto c, auto a, auto b) { return c != 0 ? a : b; }; });
  register_pointwise<MaskedFill>([](const MaskedFill::Args& args) {
    return [value = args.value](auto a, auto mask) { return mask != 0 ? number_as<decltype(a)>(value) : a; };
  });
  // A comparison with NaN is false: a NaN value and a NaN bound both come through.
  register_pointwise<Clamp>([](const Clamp::Args& args) {
    return [low = args.low, high = args.high](auto a) {
      using T = decltype(a);
      const T lo = number_as<T>(low), hi = number_as<T>(high);
      const T raised = (a >= lo) | (a != a) ? a : lo;
      return (raised <= hi) | (raised != raised) ? raised : hi;
    };
  });
  // NaN in a comes through by the test, NaN in b because the comparison is false.
  register_pointwise<Maximum>(
      [](const Maximum::Args&) { return [](auto a, auto b) { return (a > b) | (a != a) ? a : b; }; });
  register_pointwise<Minimum>(
      [](const Minimum::Args&) { return [](auto a, auto b) { return (a < b) | (a != a) ? a : b; }; });
}

}  // namespace farro::FARRO_ISA
