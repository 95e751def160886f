// SPDX-License-Identifier: Apache-2.0
// Views: tensors that share another's storage. call_view<Op>() makes and records one; a view remembers its base, so
// that an in-place change of either is seen by the gradients of both.
#pragma once

#include <farro/autograd/call/call.h>
#include <farro/core/api.h>

namespace farro {

// What a view op says instead of a TensorSpec.
struct ViewSpec {
  Shape sizes;
  Strides strides;
  int64_t offset = 0;  // elements from the storage's start
};

namespace detail {

// Notes whose view `view` is.
FARRO_API void attach_base(TensorImpl& view, const Tensor& input) noexcept;
// The gradient of a view lies in its base's: throws ValueError (naming `op`) where the view leaves the base, or where
// the base itself holds an element twice.
FARRO_API void check_lies_in_base(const char* op, const TensorImpl& view);

// Where a view lies within its base, for applying the same geometry to the base's gradient.
struct FARRO_API ViewGeometry {
  explicit ViewGeometry(const TensorImpl& view);
  Tensor of(const Tensor& base_like) const;
  // With the base's sizes and layout: uninitialised, but for zeros in gaps, since a view may lie across them.
  Tensor empty_base() const;

  OutputMeta base_meta;
  Strides base_strides;
  Shape sizes;
  Strides strides;
  int64_t offset;
};

}  // namespace detail

// A view whose storage was changed in place after it was taken derives its history from its base again. Called by
// gradient_edge().
FARRO_API void refresh_view_history(TensorImpl& view);

// An op whose output is a view of its first input: `static ViewSpec geometry(const Args&)` with `args.input`.
template <class Op>
Tensor call_view(const typename Op::Args& args) {
  const Need need = detail::check_inputs<Op>(args);
  const ViewSpec spec = Op::geometry(args);
  Outputs<Op> out{make_view(args.input, spec.sizes, spec.strides, spec.offset)};
  if (detail::call_listeners.load(std::memory_order_relaxed) > 0) [[unlikely]]
    detail::run_heard<Op>(args, out, args.input.device(), CallForm::view, false);
  if (grad_enabled()) {
    detail::attach_base(*out[0].impl(), args.input);
    if (need.any()) detail::record<Op>(args, out, need);
  } else {
    out[0].impl()->no_grad_view = true;
  }
  return std::move(out[0]);
}

}  // namespace farro
