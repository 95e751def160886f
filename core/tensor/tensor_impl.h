// SPDX-License-Identifier: Apache-2.0
// The record behind a Tensor handle. Used by the machinery (call, engine, kernels' drivers); users see Tensor.
#pragma once

#include <farro/core/api.h>
#include <farro/core/device/device.h>
#include <farro/core/dtype/dtype.h>
#include <farro/core/storage/storage.h>
#include <farro/core/tensor/dims.h>
#include <farro/core/tensor/graph_node.h>

#include <atomic>
#include <memory>

namespace farro {

struct TensorImpl;

// What only few tensors have: leaves with a gradient, tensors that keep theirs.
struct AutogradMeta {
  Ref<GraphNode> accumulator;  // of a leaf; refers back without owning
  Ref<TensorImpl> own_grad;
  Ref<TensorImpl> grad_buffer;  // where a leaf's gradient is to lie, of set_grad_buffer()
  // Holds the gradient instead, once retain_grad() was called. Its hook locks it while it writes, so that another
  // thread may drop the tensor meanwhile.
  std::shared_ptr<Ref<TensorImpl>> retained_grad;

  Ref<TensorImpl>& grad() noexcept { return retained_grad ? *retained_grad : own_grad; }
};

struct FARRO_API TensorImpl : RefCounted, Pooled {
  TensorImpl(Ref<Storage> storage_, int64_t offset_, const Shape& sizes_, const Strides& strides_, int64_t numel_,
             DType dtype_) noexcept;
  // Over `storage_` from its start, with the sizes of `like`, which is contiguous.
  TensorImpl(Ref<Storage> storage_, const TensorImpl& like, DType dtype_) noexcept
      : dtype(dtype_),
        device(storage_->device()),
        contiguous(true),
        storage(std::move(storage_)),
        offset(0),
        numel(like.numel),
        sizes(like.sizes),
        strides(like.strides) {}
  ~TensorImpl() {
    if (meta && meta->accumulator && !is_snapshot) meta->accumulator->forget_leaf();
    drop_snapshot();
  }

  DType dtype;
  Device device;
  bool contiguous;                                   // row-major and dense
  bool requires_grad = false;                        // set by the user on a leaf
  bool wrapped_number = false;                       // a C++ scalar: takes part in promotion by category only
  bool inference = detail::grad_mode_tls.inference;  // made under inference_mode: may never be saved for backward
  bool retains_grad = false;
  bool is_snapshot = false;   // it stands in for a tensor, see below
  bool no_grad_view = false;  // a view made while nothing was recorded: its base would not see a recorded change
  uint32_t output_nr = 0;     // which output of grad_fn this is
  uint32_t view_version = 0;  // storage version at which a view's grad_fn was recorded
  Ref<Storage> storage;
  int64_t offset;  // elements
  int64_t numel;
  Shape sizes;
  Strides strides;
  Ref<GraphNode> grad_fn;
  Ref<TensorImpl> base;  // of a differentiable view: the tensor that owns the history
  std::unique_ptr<AutogradMeta> meta;
  // What SavedTensor keeps of it, made when first saved and owned: the same elements with the history of that moment,
  // in a record that a later in-place change of this one does not touch, so that no node owns itself. A leaf's also
  // names the accumulator. Dropped when the history changes.
  std::atomic<TensorImpl*> snapshot = nullptr;

  // Whether an operation made it. A view whose storage changed since has the history of its base, which gradient_edge()
  // derives when it is needed.
  bool has_history() const noexcept { return grad_fn || (base && base->grad_fn && view_version != storage->version()); }
  bool needs_grad() const noexcept { return requires_grad || has_history(); }

  void drop_snapshot() noexcept {
    if (snapshot.load(std::memory_order_relaxed)) [[unlikely]]
      Ref<TensorImpl>::adopt(snapshot.exchange(nullptr, std::memory_order_acq_rel));
  }

  AutogradMeta& autograd_meta() {
    if (!meta) meta = std::make_unique<AutogradMeta>();
    return *meta;
  }
};

}  // namespace farro
