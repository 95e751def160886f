// SPDX-License-Identifier: Apache-2.0
// In-place ops: what may be changed, and how the history of the changed tensor, and of its base where it is a view,
// goes on from there.
#include <farro/autograd/call/inplace.h>

#include <farro/autograd/call/view.h>
#include <farro/autograd/node/retain_grad.h>
#include <farro/core/op/promotion.h>

namespace farro {

namespace {

// History of a base after an in-place op on one of its views: the op's gradient replaces the viewed part.
class ReplacePart final : public Node {
 public:
  ReplacePart(const TensorImpl& view, Ref<Node> op)
      : geometry_(view), op_(std::move(op)), edges_(op_->edges().begin(), op_->edges().end()), output_(*view.base) {
    edges_[0] = gradient_edge(Tensor(view.base));
    bind(edges_, {&output_, 1});
  }
  const char* name() const noexcept override { return op_->name(); }
  Grads apply(Grads&& grads) override {
    // The gradient of the base's elements outside the view passes unchanged; that of the viewed part goes through the
    // op.
    Tensor base = geometry_.empty_base();
    base.copy_(grads[0]);
    Tensor part = geometry_.of(base);
    const RunningNode running(op_.get());  // an output that the op saved belongs to the op's own history
    Grads results = op_->apply({part.clone()});
    if (results[0].defined()) {
      part.copy_(results[0]);
    } else {
      part.zero_();
    }
    results[0] = base;
    return results;
  }
  void release_saved() noexcept override { op_->release_saved(); }

 private:
  detail::ViewGeometry geometry_;
  Ref<Node> op_;
  std::vector<Edge> edges_;
  OutputMeta output_;
};

}  // namespace

namespace detail {

void check_inplace_target(const char* op, const Tensor& target, const TensorSpec& spec, bool records) {
  const TensorImpl& impl = *target.impl();
  FARRO_CHECK(spec.sizes == impl.sizes, ShapeError, op, ": the result must have the tensor's shape ", impl.sizes,
              ", got ", spec.sizes);
  FARRO_CHECK(category(spec.dtype) <= category(impl.dtype), DTypeError, op, ": a result of dtype ", spec.dtype,
              " must not be written to a tensor of a lower kind, got ", target);
  FARRO_CHECK(spec.device == impl.device, DeviceError, op, ": the result must be on the tensor's device ", impl.device,
              ", got ", spec.device);
  FARRO_CHECK(impl.contiguous || overlapping_dim(impl.sizes, impl.strides) < 0, ValueError, op,
              ": tensor must not hold an element twice (an expanded or overlapping view), got ", target,
              "; clone() it first");
  if (!records) return;
  FARRO_CHECK(!impl.requires_grad || impl.has_history(), AutogradError, op,
              ": a leaf that requires a gradient must not be changed in place, got ", target,
              "; wrap the change in no_grad");
  FARRO_CHECK(!(impl.base && impl.base->requires_grad && !impl.base->grad_fn), AutogradError, op,
              ": a view of a leaf that requires a gradient must not be changed in place, got ", target,
              "; wrap the change in no_grad");
  FARRO_CHECK(!impl.no_grad_view, AutogradError, op,
              ": a view made under no_grad must not be changed in place while recording, got ", target,
              "; make the view outside no_grad");
  if (impl.base) check_lies_in_base(op, impl);
  FARRO_CHECK(!impl.inference, AutogradError, op,
              ": a tensor made under inference_mode must not be changed in place while recording, got ", target,
              "; clone() it first");
}

void rebase_history(const Tensor& target, const Ref<Node>& node) {
  TensorImpl& impl = *target.impl();
  if (impl.base) {
    // The view's own history is derived from the base again at the next use, since the version changed.
    set_history(*impl.base, Ref<Node>::adopt(new ReplacePart(impl, node)), 0);
    impl.grad_fn.reset();
    impl.drop_snapshot();
    if (impl.base->retains_grad) attach_retain_hook(*impl.base);
  } else {
    set_history(impl, node, 0);
    if (impl.retains_grad) attach_retain_hook(impl);
  }
}

}  // namespace detail

}  // namespace farro
