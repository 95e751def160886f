// SPDX-License-Identifier: Apache-2.0
// Mixed precision: within an `autocast` scope each op runs in the precision that suits it.
//
//     autocast scope(DType::bf16);
//     Tensor loss = cross_entropy(net(x), y);
//     loss.backward();
//
// What happens to an op's inputs is declared with the op (OpInfo::autocast; docs/ops.md lists all):
//     half     matrix products, convolutions, attention: f32 inputs are cast to the scope's dtype
//     full     exponentials, norms, losses, long sums: half inputs are cast to f32
//     promote  inputs of different floating dtypes are cast to the widest of them, as without a scope, but also
//              where the op alone would refuse them (cat)
//     none     left alone: copies, fills, random numbers, views, indexing, optimizers
// f64 inputs are never cast, and neither are in-place operations, whose target decides. 0-dim tensors are numbers for
// `promote`, as in type promotion. Casts are recorded, so gradients arrive in the parameters' own dtype. A parameter is
// cast once in a scope, until it is changed. backward() runs every op in the dtypes of its forward, inside the scope or
// outside. A scope is the calling thread's: data loaders and other threads are not in it.
//
// Unlike PyTorch's CPU autocast, whose lists of ops differ from those of its CUDA autocast, there is one class per op
// for all devices, near the CUDA lists: exponentials, softmax, norms, sums and cross_entropy run in f32, where
// PyTorch's CPU leaves them in bf16. A nested scope has casts of its own. f16 needs loss scaling where gradients fall
// below 6e-8.
#pragma once

#include <farro/autograd/node/grad_mode.h>
#include <farro/core/api.h>
#include <farro/core/op/op.h>

#include <memory>

namespace farro {

namespace detail {
struct AutocastState;
}

class FARRO_API autocast {
 public:
  // `dtype`: bf16 or f16 (ValueError). `enabled` = false switches an outer scope off.
  explicit autocast(DType dtype = DType::bf16, bool enabled = true);
  ~autocast();
  autocast(const autocast&) = delete;
  autocast& operator=(const autocast&) = delete;

 private:
  friend struct detail::AutocastState;
  std::shared_ptr<detail::AutocastState> state_;
};

// Whether calls of this thread are cast, and to which half type.
FARRO_API bool autocast_enabled() noexcept;
FARRO_API DType autocast_dtype() noexcept;  // bf16 outside all scopes

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
class FARRO_API CastPlan {
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
  bool casts_ = false;
  DType to_ = DType::f32;
  DType half_ = DType::bf16;
  bool any_half_ = false, mixed_half_ = false, any_f32_ = false, any_f64_ = false;
  bool half_number_ = false, f64_number_ = false;  // 0-dim
};

}  // namespace detail

}  // namespace farro
