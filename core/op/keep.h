// SPDX-License-Identifier: Apache-2.0
// What a recorded call keeps of its arguments and outputs for backward. An op says it by the names of its Args:
//
//     static constexpr Keep kKeep = Keep::inputs<Args>("x", "weight") | Keep::sizes<Args>("x") | Keep::outputs(1, 2);
//
// and, where it depends on the call or on which gradients are needed, leaves out a part of it:
//
//     static Keep keep(const Args&, Need need);   // any subset of kKeep
//
// backward() then finds those tensors in Back<Op>::args and Back<Op>::out. An input under sizes() that is not kept is
// there as a meta tensor: sizes, dtype and no elements. All other tensors are undefined there: a meta tensor of every
// input would cost each recorded op 80 bytes an input, which for a + b is a third of the record. Values are always
// there.
#pragma once

#include <farro/core/op/fields.h>

namespace farro {

class Keep {
 public:
  uint32_t input_mask = 0;   // by member of Args
  uint32_t sizes_mask = 0;   // by member of Args
  uint32_t output_mask = 0;  // by output

  template <class Args, class... Names>
  static consteval Keep inputs(Names... names) {
    Keep keep;
    ((keep.input_mask |= bit_of<Args>(names)), ...);
    return keep;
  }
  template <class Args, class... Names>
  static consteval Keep sizes(Names... names) {
    Keep keep;
    ((keep.sizes_mask |= bit_of<Args>(names)), ...);
    return keep;
  }
  template <class... Numbers>
  static consteval Keep outputs(Numbers... numbers) {
    Keep keep;
    ((keep.output_mask |= 1u << numbers), ...);
    return keep;
  }

  constexpr Keep operator|(const Keep& other) const noexcept {
    Keep both = *this;
    both.input_mask |= other.input_mask;
    both.sizes_mask |= other.sizes_mask;
    both.output_mask |= other.output_mask;
    return both;
  }
  // Itself or nothing: `a.when(need[1]) | b.when(need[0])`.
  constexpr Keep when(bool wanted) const noexcept { return wanted ? *this : Keep(); }

 private:
  template <class Args>
  static consteval uint32_t bit_of(std::string_view name) {
    for (size_t i = 0; i < Args::names.size(); ++i)
      if (detail::plain_name(Args::names[i]) == name) return 1u << i;
    throw "Keep: no such member of Args";
  }
};

template <class Op>
inline constexpr Keep kKeep = [] {
  if constexpr (requires { Op::kKeep; })
    return Keep(Op::kKeep);
  else
    return Keep();
}();

}  // namespace farro
