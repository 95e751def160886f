// SPDX-License-Identifier: Apache-2.0
// Histories of views. A view knows its base; where an in-place op changed the storage, the view's history is derived
// from the base's anew when it is next used (docs/architecture.md).
#include <farro/autograd/call/view.h>

#include <farro/autograd/node/retain_grad.h>
#include <farro/core/tensor/number.h>

namespace farro {

namespace detail {

void attach_base(TensorImpl& view, const Tensor& input) noexcept {
  // A view that is a leaf itself owns its history.
  const bool has_base = input.impl()->base && !input.impl()->requires_grad;
  view.base = has_base ? input.impl()->base : Ref<TensorImpl>::share(input.impl());
  view.view_version = view.storage->version();
  view.no_grad_view = input.impl()->no_grad_view;
}

void check_lies_in_base(const char* op, const TensorImpl& view) {
  const TensorImpl& base = *view.base;
  const int64_t begin = view.offset, end = begin + reach(view.sizes, view.strides);
  const int64_t base_end = base.offset + reach(base.sizes, base.strides);
  FARRO_CHECK(view.numel == 0 || (begin >= base.offset && end <= base_end), ValueError, op,
              ": a view must stay inside its base where gradients are recorded, elements ", base.offset, " to ",
              base_end - 1, " of the storage, got elements ", begin, " to ", end - 1, " (base: ", Tensor(view.base),
              ")");
  FARRO_CHECK(base.contiguous || overlapping_dim(base.sizes, base.strides) < 0, ValueError, op,
              ": the base of a view must not hold an element twice where gradients are recorded, got strides ",
              base.strides, " (base: ", Tensor(view.base), "); clone() it first");
}

ViewGeometry::ViewGeometry(const TensorImpl& view)
    : base_meta(*view.base),
      base_strides(view.base->strides),
      sizes(view.sizes),
      strides(view.strides),
      offset(view.numel ? view.offset - view.base->offset : 0) {}

Tensor ViewGeometry::of(const Tensor& base_like) const {
  return base_like.as_strided(sizes, strides, base_like.storage_offset() + offset);
}

Tensor ViewGeometry::empty_base() const {
  Tensor base = empty_strided(base_meta.sizes, base_strides, {.dtype = base_meta.dtype, .device = base_meta.device});
  // Elements between those of the base belong to nobody, but a view by as_strided might read them.
  if (!is_dense(base_meta.sizes, base_strides)) {
    const no_grad guard;
    base.as_strided({reach(base_meta.sizes, base_strides)}, {1}, 0).zero_();
  }
  return base;
}

}  // namespace detail

namespace {

// part += grad, where part is zero but for what was added before. A part that overlaps itself is taken apart, as no
// kernel writes one element twice.
void add_into(Tensor part, const Tensor& grad) {
  const int dim = overlapping_dim(part.sizes(), part.strides());
  if (dim < 0) {
    part.add_(grad);
    return;
  }
  for (int64_t i = 0; i < part.size(dim); ++i) add_into(part.select(dim, i), grad.select(dim, i));
}

// History of a view whose base changed: the gradient of the view lands in its part of the base.
class ViewOfBase final : public Node {
 public:
  explicit ViewOfBase(const TensorImpl& view) : geometry_(view), output_(view) {
    detail::check_lies_in_base("as_strided", view);
    edges_[0] = gradient_edge(Tensor(view.base));
    bind(edges_, {&output_, 1});
  }
  const char* name() const noexcept override { return "view_of_base"; }
  Grads apply(Grads&& grads) override {
    Tensor grad = grads[0];
    Tensor base = geometry_.empty_base();
    base.zero_();
    // Elements that the view repeats add up; those of stride 0 in one sum.
    detail::ViewGeometry part = geometry_;
    Dims repeated;
    for (int i = 0; i < part.sizes.size(); ++i)
      if (part.strides[i] == 0 && part.sizes[i] > 1) {
        repeated.push_back(i);
        part.sizes[i] = 1;
      }
    if (!repeated.empty()) grad = grad.sum(repeated, true);
    add_into(part.of(base), grad);
    return {base};
  }

 private:
  detail::ViewGeometry geometry_;
  std::array<Edge, 1> edges_;
  OutputMeta output_;
};

}  // namespace

void refresh_view_history(TensorImpl& view) {
  // The base may have become a leaf only after the view was taken: a change of a leaf is never recorded, and gives its
  // views no history that they did not have.
  if (view.base->grad_fn) {
    set_history(view, Ref<Node>::adopt(new ViewOfBase(view)), 0);
    if (view.retains_grad) attach_retain_hook(view);
  }
  view.view_version = view.storage->version();
}

Tensor Tensor::as_strided(const Shape& sizes, const Strides& strides, int64_t offset) const {
  check_defined("as_strided", "tensor", *this);
  const int64_t length = checked_reach("as_strided", sizes, strides);
  FARRO_CHECK(offset >= 0, IndexError, "as_strided: offset must not be negative, got ", offset);
  const int64_t held = static_cast<int64_t>(storage()->bytes() / item_size(dtype()));
  FARRO_CHECK(length == 0 || offset <= held - length, IndexError,
              "as_strided: the view must stay inside the storage of ", held, " elements, got element ",
              static_cast<uint64_t>(offset) + static_cast<uint64_t>(length) - 1);
  Tensor out = make_view(*this, sizes, strides, offset);
  if (grad_enabled()) {
    detail::attach_base(*out.impl(), *this);
    if (requires_grad()) set_history(*out.impl(), Ref<Node>::adopt(new ViewOfBase(*out.impl())), 0);
  } else {
    // Marked: changing it in place while recording would change its base behind the graph's back.
    out.impl()->no_grad_view = true;
  }
  return out;
}

Tensor Tensor::detach() const {
  check_defined("detach", "tensor", *this);
  return make_view(*this, sizes(), strides(), storage_offset());
}

}  // namespace farro
