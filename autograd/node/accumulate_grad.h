// SPDX-License-Identifier: Apache-2.0
// The node at the end of every path: adds the gradient that arrives to a leaf's grad(). A leaf has one for its
// lifetime, made when it is told to require a gradient; its post-hooks are where data-parallel training attaches.
#pragma once

#include <farro/autograd/node/node.h>
#include <farro/core/api.h>

#include <mutex>

namespace farro {

class FARRO_API AccumulateGrad final : public Node {
 public:
  explicit AccumulateGrad(TensorImpl& leaf);
  const char* name() const noexcept override { return "accumulate_grad"; }
  Grads apply(Grads&& grads) override;
  void forget_leaf() noexcept override;
  // The leaf has a new dtype or device (Module::to): gradients must look like it from now on.
  void leaf_changed() noexcept;
  // See set_grad_buffer().
  void set_buffer(const Tensor& buffer);
  bool has_buffer() const;

 private:
  mutable std::mutex mutex_;  // several threads may run backward into one leaf
  TensorImpl* leaf_;          // not owned; null once the leaf is gone
  OutputMeta output_;
};

FARRO_API AccumulateGrad& accumulator_of(TensorImpl& leaf);

}  // namespace farro
