// SPDX-License-Identifier: Apache-2.0
// Hooks beyond Tensor::register_hook(): what wants to know that a leaf's gradient is complete, data-parallel training
// above all.
#pragma once

#include <farro/core/api.h>
#include <farro/core/tensor/tensor.h>

#include <functional>

namespace farro {

// Runs `hook` on the thread of backward() each time a gradient was added to leaf.grad(); not for grad(). The leaf owns
// the hook: a hook that holds the leaf keeps it alive for good. Returns an id for removal. AutogradError unless `leaf`
// is a leaf that requires a gradient.
FARRO_API uint64_t register_post_accumulate_hook(const Tensor& leaf, std::function<void()> hook);
// Does nothing where there is no such hook.
FARRO_API void remove_post_accumulate_hook(const Tensor& leaf, uint64_t id);

}  // namespace farro
