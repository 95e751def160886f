// SPDX-License-Identifier: Apache-2.0
// The formulas of where, masked_fill, clamp, maximum and minimum. Tests are combined with | instead of ||: without
// branches the CPU's loops vectorise.
#pragma once

#include <farro/kernels/pointwise/choose.op.h>
#include <farro/kernels/pointwise/formula.h>

namespace farro {

// The condition comes in the compute type, as 0 or 1.
template <class M>
struct Formula<Where, M> {
  constexpr auto operator()(auto condition, auto a, auto b) const { return condition != 0 ? a : b; }
};
template <class M>
struct Formula<MaskedFill, M> {
  Number value;
  explicit Formula(const MaskedFill::Args& args) : value(args.value) {}
  template <class C>
  constexpr C operator()(C a, C mask) const {
    return mask != 0 ? value.template as<C>() : a;
  }
};
// A comparison with NaN is false: a NaN value and a NaN bound both come through.
template <class M>
struct Formula<Clamp, M> {
  Number low, high;
  explicit Formula(const Clamp::Args& args) : low(args.low), high(args.high) {}
  template <class C>
  constexpr C operator()(C a) const {
    const C lo = low.template as<C>(), hi = high.template as<C>();
    const C raised = (a >= lo) | (a != a) ? a : lo;
    return (raised <= hi) | (raised != raised) ? raised : hi;
  }
};
// NaN in a comes through by the test, NaN in b because the comparison is false.
template <class M>
struct Formula<Maximum, M> {
  constexpr auto operator()(auto a, auto b) const { return (a > b) | (a != a) ? a : b; }
};
template <class M>
struct Formula<Minimum, M> {
  constexpr auto operator()(auto a, auto b) const { return (a < b) | (a != a) ? a : b; }
};

using ChooseFormulas = OpList<Where, MaskedFill, Clamp, Maximum, Minimum>;

}  // namespace farro
