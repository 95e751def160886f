// Mixed precision: within an `autocast` scope each op runs in the precision that suits it.
//
//     autocast scope(DType::bf16);
//     Tensor loss = cross_entropy(net(x), y);
//     loss.backward();
//
// What happens to an op's inputs is declared with the op (OpInfo::autocast; docs/ops.md lists all):
//     half     matrix products, convolutions, attention: f32 inputs are cast to the scope's dtype
//     full     exponentials, norms, losses, long sums: half inputs are cast to f32
//     promote  inputs of different floating dtypes are cast to the widest of them
//     none     left alone: copies, fills, optimizers
// f64 inputs are never cast, and neither are in-place operations, whose target decides. Casts are recorded, so gradients
// arrive in the parameters' own dtype. A parameter is cast once in a scope, until it is changed. backward() runs every op
// in the dtypes of its forward, inside the scope or outside.
#pragma once

#include <farro/autograd/node/grad_mode.h>
#include <farro/core/op/op.h>

#include <memory>

namespace farro {

namespace detail {
struct AutocastState;
}

class autocast {
 public:
  // `dtype`: bf16 or f16 (ValueError). `enabled` = false switches an outer scope off.
  explicit autocast(DType dtype = DType::bf16, bool enabled = true);
  ~autocast();
  autocast(const autocast&) = delete;
  autocast& operator=(const autocast&) = delete;

 private:
  friend struct detail::AutocastState;
  std::unique_ptr<detail::AutocastState> state_;
  detail::AutocastState* previous_;
  bool was_enabled_;
};

// Whether calls of this thread are cast, and to which half type.
bool autocast_enabled() noexcept;
DType autocast_dtype() noexcept;  // bf16 outside all scopes

namespace detail {

// No casts for the guard's lifetime: the walk of backward.
class AutocastOff {
 public:
  AutocastOff() noexcept : previous_(grad_mode_tls.autocast) { grad_mode_tls.autocast = false; }
  ~AutocastOff() { grad_mode_tls.autocast = previous_; }
  AutocastOff(const AutocastOff&) = delete;
  AutocastOff& operator=(const AutocastOff&) = delete;

 private:
  bool previous_;
};

// What one call's inputs are cast to.
class CastPlan {
 public:
  template <class EachInput>
  CastPlan(Autocast autocast, EachInput&& each_input) : autocast_(autocast) {
    each_input([&](const Tensor& tensor) { see(tensor); });
    decide();
  }
  bool casts() const noexcept { return casts_; }
  Tensor cast(const Tensor& tensor) const;

 private:
  void see(const Tensor& tensor) noexcept;
  void decide() noexcept;

  Autocast autocast_;
  DType to_ = DType::f32;
  bool any_half_ = false, any_f32_ = false, any_f64_ = false, mixed_half_ = false, casts_ = false;
  DType half_ = DType::bf16;
};

}  // namespace detail

}  // namespace farro
