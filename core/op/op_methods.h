// SPDX-License-Identifier: Apache-2.0
// What can be done with the arguments of a call when its op is known at run time only: show them, keep them, and run
// the op again on other tensors.
#pragma once

#include <farro/core/api.h>
#include <farro/core/op/op.h>
#include <farro/core/op/owned_args.h>

#include <functional>
#include <memory>

namespace farro {

// How an op was called: call(), call_inplace(), call_view(), call_mutating().
enum class CallForm : uint8_t { plain, in_place, view, mutating };
FARRO_API const char* name(CallForm form) noexcept;

using TensorMap = std::function<Tensor(const Tensor&)>;

struct FARRO_API OpMethods {
  OpInfo info;
  int outputs = 1;
  const char* no_backward = nullptr;  // the reason, where there is no gradient
  std::string (*describe)(const void* args) = nullptr;
  void (*visit)(const void* args, ArgVisitor& visitor) = nullptr;
  // The arguments, with map(tensor) in place of every tensor, in memory of their own.
  std::shared_ptr<const void> (*own)(const void* args, const TensorMap& map) = nullptr;
  // Lends the Args that owned arguments stand for, for describe() and visit().
  void (*lend)(const void* owned, const std::function<void(const void* args)>& use) = nullptr;
  // The tensors that a mutating call changes; null for other ops.
  void (*changed)(const void* args, const std::function<void(const Tensor&)>& see) = nullptr;
  // Runs the kernel of owned arguments into `outputs`, which have the sizes and dtypes that the call had: the variant
  // of that name, whatever is forced; a view has no kernel. Nothing is recorded, no listener is told, no version
  // changes.
  void (*run)(const void* owned, std::span<const Tensor> outputs, CallForm form, std::string_view variant) = nullptr;
};

namespace detail {
template <class Op>
void run_owned(const void* owned, std::span<const Tensor> outputs, CallForm form,
               std::string_view variant);  // dispatch.h

template <class Args>
std::shared_ptr<const void> own_args(const void* args, const TensorMap& map) {
  return std::make_shared<const OwnedArgs<Args>>(*static_cast<const Args*>(args),
                                                 [&](size_t, const Tensor& tensor) { return map(tensor); });
}

template <class Args>
void lend_args(const void* owned, const std::function<void(const void*)>& use) {
  const Args args = static_cast<const OwnedArgs<Args>*>(owned)->args();
  use(&args);
}

template <class Op>
void see_changed(const void* args, const std::function<void(const Tensor&)>& see) {
  for (const TensorList& list : Op::changed(*static_cast<const typename Op::Args*>(args)))
    for (const Tensor& tensor : list) see(tensor);
}
}  // namespace detail

template <class Op>
inline constexpr OpMethods kOpMethods{
    .info = Op::info,
    .outputs = kOutputs<Op>,
    .no_backward =
        [] {
          if constexpr (kDifferentiable<Op>)
            return nullptr;
          else
            return Op::no_backward;
        }(),
    .describe = [](const void* args) { return describe(*static_cast<const typename Op::Args*>(args)); },
    .visit = [](const void* args,
                ArgVisitor& visitor) { visit_args(*static_cast<const typename Op::Args*>(args), visitor); },
    .own = &detail::own_args<typename Op::Args>,
    .lend = &detail::lend_args<typename Op::Args>,
    .changed = []() -> decltype(OpMethods::changed) {
      if constexpr (requires { &Op::changed; })
        return &detail::see_changed<Op>;
      else
        return nullptr;
    }(),
    .run = &detail::run_owned<Op>,
};

}  // namespace farro
