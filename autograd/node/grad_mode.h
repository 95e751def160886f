// SPDX-License-Identifier: Apache-2.0
// Whether operations record a graph, per thread.
#pragma once

#include <farro/core/tensor/graph_node.h>

namespace farro {

inline bool grad_enabled() noexcept { return detail::grad_mode_tls.enabled; }
inline bool inference_mode_enabled() noexcept { return detail::grad_mode_tls.inference; }

// Sets recording on or off for the guard's lifetime.
class GradModeGuard {
 public:
  explicit GradModeGuard(bool enabled) noexcept : previous_(detail::grad_mode_tls) {
    detail::grad_mode_tls.enabled = enabled;
  }
  ~GradModeGuard() { detail::grad_mode_tls = previous_; }
  GradModeGuard(const GradModeGuard&) = delete;
  GradModeGuard& operator=(const GradModeGuard&) = delete;

 protected:
  detail::GradMode previous_;
};

// No recording: `no_grad guard;`
class no_grad : public GradModeGuard {
 public:
  no_grad() noexcept : GradModeGuard(false) {}
};

// Recording on inside a no_grad region.
class enable_grad : public GradModeGuard {
 public:
  enable_grad() noexcept : GradModeGuard(true) { detail::grad_mode_tls.inference = false; }
};

// As no_grad, and tensors made inside may never enter a graph later: using one where backward would need it is an
// error.
class inference_mode : public GradModeGuard {
 public:
  inference_mode() noexcept : GradModeGuard(false) { detail::grad_mode_tls.inference = true; }
};

}  // namespace farro
