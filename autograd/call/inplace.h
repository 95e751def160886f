// SPDX-License-Identifier: Apache-2.0
// call_inplace<Op>(): runs an op with its result written into its first input, and rebases history: the tensor becomes
// the op's output; if it is a view, its base gets a node that replaces the viewed part of the gradient.
#pragma once

#include <farro/autograd/call/call.h>
#include <farro/core/api.h>

#include <string_view>

namespace farro {

namespace detail {

// Throws where `target` cannot take a result of `spec`: shape, dtype category, device, a leaf that requires a gradient,
// or memory that is written twice. `op` is the name that the user called; `records`: the call will be recorded.
FARRO_API void check_inplace_target(const char* op, const Tensor& target, const TensorSpec& spec, bool records);
// Hangs `node` into the history of `target` (and of its base).
FARRO_API void rebase_history(const Tensor& target, const Ref<Node>& node);

// Bumps a storage's version when it goes, for a kernel that throws may have changed some of the elements.
class VersionBump {
 public:
  explicit VersionBump(const Tensor& target) noexcept : storage_(target.impl()->storage) {}
  ~VersionBump() { storage_->bump_version(); }
  VersionBump(const VersionBump&) = delete;
  VersionBump& operator=(const VersionBump&) = delete;

 private:
  const Ref<Storage> storage_;
};

// What users call an op's in-place form: "add_".
template <class Op>
inline constexpr auto kInplaceName = [] {
  constexpr std::string_view name = Op::info.name;
  std::array<char, name.size() + 2> text{};
  name.copy(text.data(), name.size());
  text[name.size()] = '_';
  return text;
}();

}  // namespace detail

// `target` must be input number 0 of the args; errors call the op `name`. An error before the kernel runs leaves
// everything as it was. After one within the kernel the target may hold anything; its version says that it changed.
template <class Op>
Tensor& call_inplace(const typename Op::Args& args, Tensor& target,
                     const char* name = detail::kInplaceName<Op>.data()) {
  static_assert(kOutputs<Op> == 1);
  const Need need = detail::check_inputs<Op>(args, name);
  const bool records = kDifferentiable<Op> && need.any() && grad_enabled() && is_floating(target.impl()->dtype);
  const TensorSpec spec = Op::infer(args);
  detail::check_inplace_target(name, target, spec, records);
  const bool apart = detail::reads_overwritten(args, target);
  Outputs<Op> out{target};
  Ref<Node> node;  // made first, for it may refuse what it is to save
  if constexpr (kDifferentiable<Op>) {
    if (records) {
      const detail::InplaceRecording recording(*target.impl());
      node = Ref<Node>::adopt(new OpNode<Op>(args, out, need));
    }
  }
  {
    const detail::VersionBump bump(target);
    detail::run_kernel<Op>(args, out, target.device(), CallForm::in_place, apart);
  }
  if (node) detail::rebase_history(target, node);
  return target;
}

}  // namespace farro
