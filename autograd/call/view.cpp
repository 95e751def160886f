#include <farro/autograd/call/view.h>

#include <farro/autograd/node/accumulate_grad.h>

#include <algorithm>
#include <utility>
#include <vector>

namespace farro {

namespace detail {

void attach_base(TensorImpl& view, const Tensor& input) noexcept {
  view.base = input.impl()->base ? input.impl()->base : Ref<TensorImpl>::share(input.impl());
  view.view_version = view.storage->version();
  view.no_grad_view = input.impl()->no_grad_view;
}

ViewGeometry::ViewGeometry(const TensorImpl& view)
    : base_meta(*view.base),
      base_strides(view.base->strides),
      sizes(view.sizes),
      strides(view.strides),
      offset(view.offset - view.base->offset) {}

Tensor ViewGeometry::of(const Tensor& base_like) const {
  return base_like.as_strided(sizes, strides, base_like.storage_offset() + offset);
}

Tensor ViewGeometry::empty_base() const {
  return empty_strided(base_meta.sizes, base_strides, {.dtype = base_meta.dtype, .device = base_meta.device});
}

}  // namespace detail

namespace {

// Whether two places of the geometry may be one element: unless every stride reaches past what the smaller ones span.
bool may_overlap(const Shape& sizes, const Strides& strides) {
  std::vector<std::pair<int64_t, int64_t>> steps;  // {stride, last index} of dimensions that move
  for (int i = 0; i < sizes.size(); ++i)
    if (sizes[i] > 1) steps.emplace_back(strides[i], sizes[i] - 1);
  std::sort(steps.begin(), steps.end());
  int64_t span = 0;
  for (const auto& [stride, last] : steps) {
    if (stride <= span) return true;
    span += stride * last;
  }
  return false;
}

// part += grad, where part is zero but for what was added before. A part that overlaps itself is taken apart along its
// shortest dimension, as no kernel writes one element twice.
void add_into(Tensor part, const Tensor& grad) {
  if (!may_overlap(part.sizes(), part.strides())) {
    part.add_(grad);
    return;
  }
  int shortest = -1;
  for (int i = 0; i < part.dim(); ++i)
    if (part.size(i) > 1 && (shortest < 0 || part.size(i) < part.size(shortest))) shortest = i;
  for (int64_t i = 0; i < part.size(shortest); ++i) add_into(part.select(shortest, i), grad.select(shortest, i));
}

// History of a view whose base changed: the gradient of the view lands in its part of the base.
class ViewOfBase final : public Node {
 public:
  explicit ViewOfBase(const TensorImpl& view) : geometry_(view), output_(view) {
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
  view.view_version = view.storage->version();
  if (!view.base->grad_fn && !view.base->requires_grad) return;
  set_history(view, Ref<Node>::adopt(new ViewOfBase(view)), 0);
  if (view.retains_grad) attach_retain_hook(view);
}

Tensor Tensor::as_strided(const Shape& sizes, const Strides& strides, int64_t offset) const {
  FARRO_CHECK(sizes.size() == strides.size(), ShapeError,
              "as_strided: strides must have as many entries as sizes, got ", strides, " for sizes ", sizes);
  FARRO_CHECK(offset >= 0, IndexError, "as_strided: offset must not be negative, got ", offset);
  int64_t last = offset;
  for (int i = 0; i < sizes.size(); ++i) {
    FARRO_CHECK(strides[i] >= 0, ValueError, "as_strided: strides must not be negative, got ", strides);
    int64_t span = 0;
    FARRO_CHECK(!__builtin_mul_overflow(sizes[i] - 1, strides[i], &span) && !__builtin_add_overflow(last, span, &last),
                ShapeError, "as_strided: sizes and strides must stay below 2^63 elements, got ", sizes, " and ",
                strides);
  }
  const int64_t held = static_cast<int64_t>(storage()->bytes() / item_size(dtype()));
  FARRO_CHECK(checked_numel("as_strided", sizes) == 0 || last < held, IndexError,
              "as_strided: the view must stay inside the storage of ", held, " elements, got element ", last);
  Tensor out = make_view(*this, sizes, strides, offset);
  if (grad_enabled()) {
    detail::attach_base(*out.impl(), *this);
    refresh_view_history(*out.impl());
  } else {
    out.impl()->no_grad_view = true;
  }
  return out;
}

Tensor Tensor::detach() const { return make_view(*this, sizes(), strides(), storage_offset()); }

}  // namespace farro
