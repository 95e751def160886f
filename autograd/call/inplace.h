// call_inplace<Op>(): runs an op with its result written into its first input, and rebases history: the tensor becomes the
// op's output; if it is a view, its base gets a node that replaces the viewed part of the gradient.
#pragma once

#include <farro/autograd/call/call.h>

namespace farro {

namespace detail {

// Throws where `target` cannot take a result of `spec`: shape, dtype category, device, a leaf that requires a gradient, or
// memory that is written twice. `records`: the call will be recorded.
void check_inplace_target(const char* op, const Tensor& target, const TensorSpec& spec, bool records);
// Whether two tensors share some but not all of their elements, or in another order.
bool overlaps_partially(const Tensor& a, const Tensor& b) noexcept;
// Hangs `node` into the history of `target` (and of its base). Called after the kernel, before the version changes.
void rebase_history(const Tensor& target, const Ref<Node>& node);

// Copies elements without recording or a version change; defined beside the copy op.
void copy_data(const Tensor& target, const Tensor& source);

// While it lives, SavedTensor knows that `target` is about to change version.
class InplaceRecording {
 public:
  explicit InplaceRecording(const TensorImpl* target) noexcept;
  ~InplaceRecording();
  InplaceRecording(const InplaceRecording&) = delete;
  InplaceRecording& operator=(const InplaceRecording&) = delete;
};

}  // namespace detail

// `target` must be input number 0 of the args. On an error nothing has changed.
template <class Op>
Tensor& call_inplace(const typename Op::Args& args, Tensor& target) {
  static_assert(kOutputs<Op> == 1);
  const Need need = detail::check_inputs<Op>(args);
  const bool records = detail::kDifferentiable<Op> && need.any() && grad_enabled();
  const TensorSpec spec = Op::infer(args);
  detail::check_inplace_target(Op::info.name, target, spec, records);
  bool overlap = false;
  for_each_input(args, [&](int, const Tensor& input) {
    overlap = overlap || (input.defined() && detail::overlaps_partially(input, target));
  });
  Outputs<Op> out;
  if (overlap) {
    out[0] = allocate(Op::info.name, spec);
    detail::run_kernel<Op>(args, out, target.device().type);
    const no_grad guard;
    detail::copy_data(target, out[0]);
  } else {
    out[0] = target;
    detail::run_kernel<Op>(args, out, target.device().type);
  }
  if constexpr (detail::kDifferentiable<Op>) {
    if (records) {
      out[0] = target;
      const detail::InplaceRecording recording(target.impl());
      detail::rebase_history(target, Ref<Node>::adopt(new OpNode<Op>(args, out, need)));
    }
  }
  target.storage()->bump_version();
  return target;
}

}  // namespace farro
