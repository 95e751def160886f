// SPDX-License-Identifier: Apache-2.0
// From a checked call to its kernel: which variant runs, who is told. call<Op>() (autograd/call) stands above it.
#pragma once

#include <farro/core/api.h>
#include <farro/core/op/call_listener.h>
#include <farro/core/op/op_table.h>

namespace farro::detail {

[[noreturn]] FARRO_API void throw_no_kernel(const char* op, DeviceType device, const std::string& args);
[[noreturn]] FARRO_API void throw_no_variant(const char* op, const char* forced, const std::string& args);

template <class Op>
[[gnu::noinline]] const typename OpTable<Op>::Entry& pick(const typename Op::Args& args, Device device) {
  ensure_registered();
  const auto& row = OpTable<Op>::rows[static_cast<size_t>(device.type)];
  if (!row[0].kernel.load(std::memory_order_acquire)) throw_no_kernel(Op::info.name, device.type, describe(args));
  const char* forced = OpTable<Op>::forced.here();
  if (forced) {
    bool present = false;
    for (const auto& entry : row) present = present || (entry.kernel && std::string_view(entry.info.name) == forced);
    // A name that this device has no variant of forces nothing here: it was meant for another device.
    if (!present) forced = nullptr;
  }
  for (const auto& entry : row) {
    if (!entry.kernel.load(std::memory_order_acquire)) break;
    if (forced && std::string_view(entry.info.name) != forced) continue;
    if (entry.info.min_sm > 0 && entry.info.min_sm > compute_capability(device)) continue;
    if (!entry.supports || entry.supports(args)) return entry;
  }
  throw_no_variant(Op::info.name, forced, describe(args));
}

template <class Op>
inline void execute(Kernel<Op> kernel, Ctx& ctx, const typename Op::Args& args, Outputs<Op>& out) {
  kernel(ctx, args, out);
  ctx.finish();
}
// In place, where the kernel would read elements that it has overwritten: writes elsewhere and copies.
template <class Op>
[[gnu::noinline]] void execute_apart(Kernel<Op> kernel, Ctx& ctx, const typename Op::Args& args, Outputs<Op>& out) {
  if constexpr (kOutputs<Op> == 1) {
    Outputs<Op> apart{empty_like(out[0])};
    execute<Op>(kernel, ctx, args, apart);
    copy_elements(out[0], apart[0]);
  }
}

// A call of meta tensors has no kernel, but is told as well.
template <class Op>
[[gnu::noinline]] void run_heard(const typename Op::Args& args, Outputs<Op>& out, Device device, CallForm form,
                                 bool apart) {
  const auto* entry = device.is_meta() || form == CallForm::view ? nullptr : &pick<Op>(args, device);
  CallEvent event{.op = kOpMethods<Op>,
                  .form = form,
                  .device = device,
                  .variant = entry ? entry->info.name : "",
                  .cost = Op::cost(args),
                  .outputs = out,
                  .args = &args,
                  .counts = {}};
  const ListenedCall listened(event);
  if (!entry) return;
  // Until the kernel has returned: an exception leaves it set for whoever is told of the end.
  event.failed = true;
  Ctx ctx(Op::info.name, device);
  const Kernel<Op> kernel = entry->kernel.load(std::memory_order_relaxed);
  if (apart)
    execute_apart<Op>(kernel, ctx, args, out);
  else
    execute<Op>(kernel, ctx, args, out);
  event.counts = ctx.counts();
  event.failed = false;
}

// Runs the kernel of a checked call. `apart`: see execute_apart().
template <class Op>
[[gnu::always_inline]] inline void run_kernel(const typename Op::Args& args, Outputs<Op>& out, Device device,
                                              CallForm form, bool apart = false) {
  if (call_listeners.load(std::memory_order_relaxed) > 0) [[unlikely]]
    return run_heard<Op>(args, out, device, form, apart);
  Kernel<Op> kernel = OpTable<Op>::direct[static_cast<size_t>(device.type)].load(std::memory_order_acquire);
  if (!kernel) [[unlikely]] {
    if (device.is_meta()) return;
    kernel = pick<Op>(args, device).kernel.load(std::memory_order_relaxed);
  }
  Ctx ctx(Op::info.name, device);
  if (apart) [[unlikely]]
    return execute_apart<Op>(kernel, ctx, args, out);
  execute<Op>(kernel, ctx, args, out);
}

// Whether two tensors share some but not all of their elements, or in another order.
FARRO_API bool overlaps_partially(const Tensor& a, const Tensor& b) noexcept;

// Whether a kernel that writes into `target`, input number 0, could read what it has overwritten.
template <class Args>
bool reads_overwritten(const Args& args, const Tensor& target) {
  bool overlap = false;
  for_each_input(args, [&](int, const Tensor& input) {
    overlap = overlap || (input.defined() && overlaps_partially(input, target));
  });
  return overlap;
}

template <class Op>
void run_owned(const void* owned, std::span<const Tensor> outputs, CallForm form, std::string_view variant) {
  if (form == CallForm::view) return;
  const typename Op::Args args = static_cast<const OwnedArgs<typename Op::Args>*>(owned)->args();
  Outputs<Op> out;
  for (size_t i = 0; i < out.size(); ++i) out[i] = outputs[i];
  Device device;
  if constexpr (kOutputs<Op> > 0)
    device = out[0].device();
  else
    for_each_input(args, [&](int i, const Tensor& input) {
      if (i == 0) device = input.device();
    });
  if (device.is_meta()) return;
  Kernel<Op> kernel = nullptr;
  for (const auto& entry : OpTable<Op>::rows[static_cast<size_t>(device.type)])
    if (entry.kernel && variant == entry.info.name) kernel = entry.kernel.load(std::memory_order_acquire);
  if (!kernel) throw_no_variant(Op::info.name, std::string(variant).c_str(), describe(args));
  Ctx ctx(Op::info.name, device);
  if (form == CallForm::in_place && reads_overwritten(args, outputs[0]))
    execute_apart<Op>(kernel, ctx, args, out);
  else
    execute<Op>(kernel, ctx, args, out);
}

}  // namespace farro::detail
