// SPDX-License-Identifier: Apache-2.0
// call_mutating<Op>(): runs an op that only changes tensors it is given, such as an optimizer step over lists of
// parameters. It has no outputs and no gradient. Instead of infer() the op says
//
//     static constexpr int kOutputs = 0;
//     static constexpr const char* no_backward = "the reason";
//     static void check(const Args&);                                  // pure; throws every user error
//     static std::array<TensorList, n> changed(const Args&);           // their versions are bumped
#pragma once

#include <farro/autograd/call/call.h>

namespace farro {

// Errors about undefined tensors and devices call the op `name`.
template <class Op>
void call_mutating(const typename Op::Args& args, const char* name = Op::info.name) {
  static_assert(kOutputs<Op> == 0 && !kDifferentiable<Op>);
  detail::check_inputs<Op>(args, name);
  Op::check(args);
  Device device;
  for_each_input(args, [&](int i, const Tensor& input) {
    if (i == 0) device = input.device();
  });
  // A guard, because a kernel that throws may have changed some of them.
  struct Changed {
    const typename Op::Args& args;
    ~Changed() {
      for (const TensorList& list : Op::changed(args))
        for (const Tensor& tensor : list) tensor.impl()->storage->bump_version();
    }
  };
  const Changed changed{args};
  Outputs<Op> none;
  detail::run_kernel<Op>(args, none, device, CallForm::mutating);
}

}  // namespace farro
