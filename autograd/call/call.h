// call<Op>(): validate -> infer -> allocate -> dispatch -> record. The only way into a kernel, so that profiling, checking
// and tracing have one place to listen. An op's public function is one line: return call<Op>({...}).
#pragma once

#include <farro/autograd/node/grad_mode.h>
#include <farro/autograd/node/node.h>

namespace farro {

namespace detail {

[[noreturn]] void throw_undefined_input(const char* op, const char* argument);
[[noreturn]] void throw_device_mismatch(const char* op, const Tensor& a, const Tensor& b);
[[noreturn]] void throw_no_kernel(const char* op, DeviceType device, const std::string& args);
[[noreturn]] void throw_no_variant(const char* op, int forced, const std::string& args);
[[noreturn]] void throw_no_backward(const char* op, const char* argument, const char* reason, const std::string& args);

template <class Op>
inline constexpr uint64_t kOptional = [] {
  if constexpr (requires { Op::kOptional; }) return uint64_t{Op::kOptional};
  else return uint64_t{0};
}();
template <class Op>
inline constexpr bool kMixedDevices = [] {
  if constexpr (requires { Op::kMixedDevices; }) return bool{Op::kMixedDevices};
  else return false;
}();
// Of the ops whose kernels read a 0-dim CPU tensor as a number: the elementwise ones.
template <class Op>
inline constexpr bool kHostNumbers = [] {
  if constexpr (requires { Op::kHostNumbers; }) return bool{Op::kHostNumbers};
  else return false;
}();
template <class Op>
inline constexpr bool kDifferentiable = !requires { Op::no_backward; };

// The name of input number `index`; a TensorList covers several.
template <class Args>
const char* input_name(const Args& args, int index) {
  const char* found = "input";
  int at = 0;
  size_t field_index = 0;
  const auto visit = [&](const auto& field) {
    using T = std::remove_cvref_t<decltype(field)>;
    int span = 0;
    if constexpr (std::is_same_v<T, Tensor>) span = 1;
    if constexpr (std::is_same_v<T, TensorList>) span = static_cast<int>(field.size());
    if (index >= at && index < at + span) found = Args::names[field_index];
    at += span;
    ++field_index;
  };
  std::apply([&](const auto&... field) { (visit(field), ...); }, args.fields());
  return found;
}

// Every input is defined unless optional, and all live on one device (0-dim CPU tensors may join any, for kHostNumbers).
// Returns which inputs require a gradient. Errors call the op `name`.
template <class Op>
Need check_inputs(const typename Op::Args& args, const char* name = Op::info.name) {
  Need need;
  const Tensor* first = nullptr;
  for_each_input(args, [&](int i, const Tensor& input) {
    if (!input.defined()) [[unlikely]] {
      if (!(kOptional<Op> >> (i < 63 ? i : 63) & 1)) throw_undefined_input(name, input_name(args, i));
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

template <class Op>
[[gnu::noinline]] const typename OpTable<Op>::Entry& pick_slow(const typename Op::Args& args, DeviceType device) {
  ensure_registered();
  auto& entries = OpTable<Op>::entries[static_cast<int>(device)];
  if (!entries[0].kernel.load(std::memory_order_acquire)) throw_no_kernel(Op::info.name, device, describe(args));
  const int forced = OpTable<Op>::forced.load(std::memory_order_relaxed);
  for (auto& entry : entries) {
    if (!entry.kernel.load(std::memory_order_acquire) || (forced >= 0 && static_cast<int>(entry.variant) != forced)) continue;
    if (!entry.supports || entry.supports(args)) return entry;
  }
  throw_no_variant(Op::info.name, forced, describe(args));
}

// The kernel that runs this call.
template <class Op>
inline const typename OpTable<Op>::Entry& pick(const typename Op::Args& args, DeviceType device) {
  const auto& first = OpTable<Op>::entries[static_cast<int>(device)][0];
  if (first.kernel.load(std::memory_order_acquire) && !first.supports &&
      OpTable<Op>::forced.load(std::memory_order_relaxed) < 0) [[likely]]
    return first;
  return pick_slow<Op>(args, device);
}

// Tells the listener around the kernel; a call of meta tensors has none, but is told as well.
template <class Op>
[[gnu::noinline]] void run_listened(const typename Op::Args& args, Outputs<Op>& out, DeviceType device,
                                    CallListener& listener) {
  const auto* entry = device == DeviceType::meta ? nullptr : &pick<Op>(args, device);
  const CallEvent event{.op = Op::info.name,
                        .device = device,
                        .variant = entry ? entry->variant : Variant::generic,
                        .cost = Op::cost(args),
                        .outputs = out,
                        .describe_args = [](const void* p) { return describe(*static_cast<const typename Op::Args*>(p)); },
                        .args = &args};
  struct End {
    CallListener& listener;
    const CallEvent& event;
    ~End() { listener.end(event); }
  };
  listener.begin(event);
  const End end{listener, event};
  if (entry) entry->kernel.load(std::memory_order_relaxed)(args, out);
}

template <class Op>
inline void run_kernel(const typename Op::Args& args, Outputs<Op>& out, DeviceType device) {
  if (CallListener* listener = call_listener.load(std::memory_order_relaxed)) [[unlikely]]
    return run_listened<Op>(args, out, device, *listener);
  if (device == DeviceType::meta) [[unlikely]] return;
  pick<Op>(args, device).kernel.load(std::memory_order_relaxed)(args, out);
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
inline Outputs<Op> call_outputs(const typename Op::Args& args) {
  const Need need = check_inputs<Op>(args);
  Outputs<Op> out;
  DeviceType device;
  if constexpr (kOutputs<Op> == 1) {
    const TensorSpec spec = Op::infer(args);
    device = spec.device.type;
    out[0] = allocate(Op::info.name, spec);
  } else {
    const auto specs = Op::infer(args);
    device = specs[0].device.type;
    for (size_t i = 0; i < out.size(); ++i) out[i] = allocate(Op::info.name, specs[i]);
  }
  if constexpr (!kDifferentiable<Op>) {
    // A result that quietly lost its history would give wrong gradients; integers and bool have none to lose.
    if (need.any() && grad_enabled()) [[unlikely]]
      for (const Tensor& tensor : out)
        if (tensor.defined() && is_floating(tensor.impl()->dtype))
          throw_no_backward(Op::info.name, input_name(args, need.first()), Op::no_backward, describe(args));
  }
  run_kernel<Op>(args, out, device);
  if constexpr (kDifferentiable<Op>) {
    if (need.any() && grad_enabled()) record<Op>(args, out, need);
  }
  return out;
}

}  // namespace detail

// Runs an op: a Tensor for one output, an array of them for several.
template <class Op>
auto call(const typename Op::Args& args) {
  if constexpr (kOutputs<Op> == 1) {
    return std::move(detail::call_outputs<Op>(args)[0]);
  } else {
    return detail::call_outputs<Op>(args);
  }
}

}  // namespace farro
