// SPDX-License-Identifier: Apache-2.0
// Mixed precision: what an op's class (half, full, promote) makes of its inputs' dtypes, and the casts of parameters
// that a scope keeps so that a weight is converted once, not once per use.
#include <farro/autograd/call/autocast.h>

#include <memory>
#include <unordered_map>

namespace farro {

// One scope: its dtype, and the casts of parameters made in it.
struct detail::AutocastState {
  struct Cast {
    Tensor parameter;  // keeps the record from being reused for another tensor
    uint32_t version;
    Tensor value;
  };
  DType dtype;
  std::shared_ptr<AutocastState> previous;  // the scope around it
  bool was_enabled;                         // there
  bool ended = false;
  std::unordered_map<const TensorImpl*, Cast> recorded, unrecorded;  // with and without a history

  static std::shared_ptr<AutocastState>& innermost() noexcept {
    static thread_local std::shared_ptr<AutocastState> state;
    return state;
  }
};

using detail::AutocastState;

autocast::autocast(DType dtype, bool enabled) {
  FARRO_CHECK(is_half(dtype), ValueError, "autocast: dtype must be bf16 or f16, got ", dtype);
  state_ = std::make_shared<AutocastState>();
  state_->dtype = dtype;
  state_->previous = AutocastState::innermost();
  state_->was_enabled = detail::grad_mode_tls.autocast;
  AutocastState::innermost() = state_;
  detail::grad_mode_tls.autocast = enabled;
}

// Scopes on the heap may end in any order: an outer one then waits for those within it.
autocast::~autocast() {
  state_->ended = true;
  auto& innermost = AutocastState::innermost();
  while (innermost && innermost->ended) {
    detail::grad_mode_tls.autocast = innermost->was_enabled;
    innermost = std::shared_ptr<AutocastState>(innermost->previous);
  }
}

bool autocast_enabled() noexcept { return detail::grad_mode_tls.autocast; }
DType autocast_dtype() noexcept { return AutocastState::innermost() ? AutocastState::innermost()->dtype : DType::bf16; }

void detail::CastPlan::see(const Tensor& tensor) noexcept {
  if (!tensor.defined() || tensor.impl()->wrapped_number) return;
  const DType dtype = tensor.impl()->dtype;
  if (tensor.impl()->sizes.empty()) {
    half_number_ = half_number_ || is_half(dtype);
    f64_number_ = f64_number_ || dtype == DType::f64;
    return;
  }
  if (is_half(dtype)) {
    mixed_half_ = mixed_half_ || (any_half_ && dtype != half_);
    any_half_ = true;
    half_ = dtype;
  }
  any_f32_ = any_f32_ || dtype == DType::f32;
  any_f64_ = any_f64_ || dtype == DType::f64;
}

void detail::CastPlan::decide() noexcept {
  const bool only_numbers = !any_half_ && !any_f32_ && !any_f64_;
  switch (autocast_) {
    case Autocast::half:
      to_ = autocast_dtype();
      // f64 is left alone: whoever computes in it wants the digits.
      casts_ = !any_f64_ && (any_f32_ || (any_half_ && half_ != to_) || mixed_half_);
      return;
    case Autocast::full:
      to_ = any_f64_ || (only_numbers && f64_number_) ? DType::f64 : DType::f32;
      casts_ = any_half_ || half_number_;
      return;
    case Autocast::promote:
      to_ = any_f64_ ? DType::f64 : DType::f32;
      casts_ = mixed_half_ || any_half_ + any_f32_ + any_f64_ > 1;
      return;
    case Autocast::none: return;
  }
}

Tensor detail::CastPlan::cast(const Tensor& tensor) const {
  if (!tensor.defined()) return tensor;
  TensorImpl& impl = *tensor.impl();
  if (impl.wrapped_number || !is_floating(impl.dtype) || impl.dtype == to_ || impl.dtype == DType::f64) return tensor;
  // Numbers take part in promotion by their kind alone; what is computed of one in f32 must be f32, though.
  if (impl.sizes.empty() && (autocast_ != Autocast::full || !is_half(impl.dtype))) return tensor;
  const AutocastOff off;
  AutocastState* const state = AutocastState::innermost().get();
  if (!state || !impl.requires_grad || impl.dtype != DType::f32) return tensor.to(to_);
  // A parameter: the weight of every layer is used again for each step of a recurrent network, and by both of its
  // products.
  // Apart, as a cast without history would cut the parameter off from its gradient.
  auto& casts = grad_enabled() ? state->recorded : state->unrecorded;
  const auto found = casts.find(&impl);
  if (found != casts.end() && found->second.version == tensor.version() && found->second.value.dtype() == to_)
    return found->second.value;
  Tensor value = tensor.to(to_);
  casts.insert_or_assign(&impl, AutocastState::Cast{tensor, tensor.version(), value});
  return value;
}

}  // namespace farro
