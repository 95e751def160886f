// SPDX-License-Identifier: Apache-2.0
// call<Op>(): cast (autocast only) -> validate -> infer -> allocate -> dispatch -> record. The only way into a kernel,
// so that profiling, checking and tracing have one place to listen. An op's public function is one line: return
// call<Op>({.x = x, .eps = eps}).
#pragma once

#include <farro/autograd/call/autocast.h>
#include <farro/autograd/node/grad_mode.h>
#include <farro/autograd/node/node.h>
#include <farro/core/api.h>
#include <farro/core/op/dispatch.h>

namespace farro {

namespace detail {

[[noreturn]] FARRO_API void throw_undefined_input(const char* op, std::string_view argument);
[[noreturn]] FARRO_API void throw_device_mismatch(const char* op, const Tensor& a, const Tensor& b);
[[noreturn]] FARRO_API void throw_no_backward(const char* op, std::string_view argument, const char* reason,
                                              const std::string& args);

// Of the ops whose kernels read a 0-dim CPU tensor as a number: the elementwise ones.
template <class Op>
inline constexpr bool kHostNumbers = [] {
  if constexpr (requires { Op::kHostNumbers; })
    return bool{Op::kHostNumbers};
  else
    return false;
}();

// Every input is defined unless optional, and all live on one device (0-dim CPU tensors may join any, for
// kHostNumbers). Returns which inputs require a gradient. Errors call the op `name`.
template <class Op>
[[gnu::always_inline]] inline Need check_inputs(const typename Op::Args& args, const char* name = Op::info.name) {
  Need need;
  const Tensor* first = nullptr;
  for_each_input_member(args, [&](auto member, int i, const Tensor& input) {
    if (!input.defined()) [[unlikely]] {
      if constexpr (!optional_member<typename Op::Args>(member)) throw_undefined_input(name, input_name(args, i));
      return;
    }
    const TensorImpl& impl = *input.impl();
    if constexpr (!kMixedDevices<Op>) {
      if (!first || (kHostNumbers<Op> && first->impl()->sizes.empty() && first->impl()->device.is_cpu())) {
        first = &input;
      } else if (impl.device != first->impl()->device &&
                 !(kHostNumbers<Op> && impl.sizes.empty() && impl.device.is_cpu())) [[unlikely]] {
        throw_device_mismatch(name, *first, input);
      }
    }
    if (impl.needs_grad()) need.set(i);
  });
  return need;
}

// Attaches a node to the floating outputs.
template <class Op>
[[gnu::noinline]] void record(const typename Op::Args& args, Outputs<Op>& out, Need need) {
  const auto node = Ref<Node>::adopt(new OpNode<Op>(args, out, need));
  for (size_t i = 0; i < out.size(); ++i)
    if (out[i].defined() && is_floating(out[i].impl()->dtype))
      set_history(*out[i].impl(), node, static_cast<uint32_t>(i));
}

template <class Op>
using Result = std::conditional_t<kOutputs<Op> == 1, Tensor, Outputs<Op>>;

template <class Op>
[[gnu::always_inline]] inline Outputs<Op> call_as_given(const typename Op::Args& args) {
  const Need need = check_inputs<Op>(args);
  const auto run = [&](Outputs<Op>& out, Device device) {
    if constexpr (!kDifferentiable<Op>) {
      // A result that quietly lost its history would give wrong gradients; integers and bool have none to lose.
      if (need.any() && grad_enabled()) [[unlikely]]
        for (const Tensor& tensor : out)
          if (tensor.defined() && is_floating(tensor.impl()->dtype))
            throw_no_backward(Op::info.name, input_name(args, need.first()), Op::no_backward, describe(args));
    }
    run_kernel<Op>(args, out, device, CallForm::plain);
    if constexpr (kDifferentiable<Op>) {
      if (need.any() && grad_enabled()) record<Op>(args, out, need);
    }
  };
  if constexpr (kOutputs<Op> == 1) {
    const TensorSpec spec = Op::infer(args);
    Outputs<Op> out{allocate(Op::info.name, spec)};
    run(out, spec.device);
    return out;
  } else {
    const auto specs = Op::infer(args);
    Outputs<Op> out;
    for (size_t i = 0; i < out.size(); ++i) out[i] = allocate(Op::info.name, specs[i]);
    run(out, specs[0].device);
    return out;
  }
}

template <class Op>
[[gnu::noinline]] Result<Op> call_autocast(const typename Op::Args& args);

}  // namespace detail

// Runs an op: a Tensor for one output, an array of them for several.
template <class Op>
detail::Result<Op> call(const typename Op::Args& args) {
  if constexpr (Op::info.autocast != Autocast::none) {
    if (detail::grad_mode_tls.autocast) [[unlikely]]
      return detail::call_autocast<Op>(args);
  }
  if constexpr (kOutputs<Op> == 1) {
    return std::move(detail::call_as_given<Op>(args)[0]);
  } else {
    return detail::call_as_given<Op>(args);
  }
}

template <class Op>
detail::Result<Op> detail::call_autocast(const typename Op::Args& args) {
  const AutocastOff once;  // what is called now has the dtypes it is to have
  const CastPlan plan(Op::info.autocast,
                      [&](auto&& see) { for_each_input(args, [&](int, const Tensor& t) { see(t); }); });
  if (!plan.casts()) return call<Op>(args);
  const OwnedArgs<typename Op::Args> cast(args, [&](size_t, const Tensor& tensor) { return plan.cast(tensor); });
  return call<Op>(cast.args());
}

}  // namespace farro
