#include <farro/autograd/call/inplace.h>

#include <farro/autograd/call/view.h>
#include <farro/autograd/node/accumulate_grad.h>

#include <algorithm>
#include <array>
#include <utility>

namespace farro {

namespace {

[[gnu::tls_model("initial-exec")]] thread_local const TensorImpl* inplace_target = nullptr;

int category(DType dtype) { return is_floating(dtype) ? 2 : dtype == DType::boolean ? 0 : 1; }

// First and one past the last element that a tensor touches in its storage.
std::pair<int64_t, int64_t> extent(const TensorImpl& t) noexcept {
  int64_t last = t.offset;
  for (int i = 0; i < t.sizes.size(); ++i) last += (t.sizes[i] - 1) * t.strides[i];
  return {t.offset, last + 1};
}

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
  FARRO_CHECK(spec.sizes == impl.sizes, ShapeError, op, "_: the result must have the tensor's shape ", impl.sizes,
              ", got ", spec.sizes);
  FARRO_CHECK(category(spec.dtype) <= category(impl.dtype), DTypeError, op, "_: a result of dtype ", spec.dtype,
              " must not be written to a tensor of a lower kind, got ", target);
  FARRO_CHECK(spec.device == impl.device, DeviceError, op, "_: the result must be on the tensor's device ", impl.device,
              ", got ", spec.device);
  for (int i = 0; i < impl.sizes.size(); ++i)
    FARRO_CHECK(impl.strides[i] != 0 || impl.sizes[i] <= 1, ValueError, op,
                "_: tensor must not hold an element twice (an expanded view), got ", target, "; clone() it first");
  if (!records) return;
  const bool leaf = impl.requires_grad && !impl.grad_fn;
  FARRO_CHECK(!leaf, AutogradError, op, "_: a leaf that requires a gradient must not be changed in place, got ", target,
              "; wrap the change in no_grad");
  FARRO_CHECK(!(impl.base && impl.base->requires_grad && !impl.base->grad_fn), AutogradError, op,
              "_: a view of a leaf that requires a gradient must not be changed in place, got ", target,
              "; wrap the change in no_grad");
  FARRO_CHECK(!impl.no_grad_view, AutogradError, op,
              "_: a view made under no_grad must not be changed in place while recording, got ", target,
              "; make the view outside no_grad");
  FARRO_CHECK(!impl.inference, AutogradError, op,
              "_: a tensor made under inference_mode must not be changed in place while recording, got ", target,
              "; clone() it first");
}

bool overlaps_partially(const Tensor& a, const Tensor& b) noexcept {
  const TensorImpl &x = *a.impl(), &y = *b.impl();
  if (x.storage.get() != y.storage.get() || x.numel == 0 || y.numel == 0) return false;
  if (x.offset == y.offset && x.sizes == y.sizes && x.strides == y.strides && x.dtype == y.dtype) return false;
  const auto [x0, x1] = extent(x);
  const auto [y0, y1] = extent(y);
  return x0 < y1 && y0 < x1;
}

void rebase_history(const Tensor& target, const Ref<Node>& node) {
  TensorImpl& impl = *target.impl();
  if (impl.base) {
    // The view's own history is derived from the base again at the next use: its version is about to differ.
    set_history(*impl.base, Ref<Node>::adopt(new ReplacePart(impl, node)), 0);
    impl.grad_fn.reset();
    if (impl.base->retains_grad) attach_retain_hook(*impl.base);
  } else {
    set_history(impl, node, 0);
    if (impl.retains_grad) attach_retain_hook(impl);
  }
}

InplaceRecording::InplaceRecording(const TensorImpl* target) noexcept { inplace_target = target; }
InplaceRecording::~InplaceRecording() { inplace_target = nullptr; }

}  // namespace detail

const TensorImpl* inplace_recording_target() noexcept { return inplace_target; }

}  // namespace farro
