// SPDX-License-Identifier: Apache-2.0
// Tensor's view methods.
#include <farro/kernels/memory/view.op.h>

#include <farro/core/tensor/number.h>
#include <farro/kernels/memory/reshape.h>

#include <algorithm>

namespace farro {

ViewSpec Permute::geometry(const Args& args) {
  const TensorImpl& in = *args.input.impl();
  ViewSpec spec{in.sizes, in.strides, in.offset};
  for (int i = 0; i < args.dims.size(); ++i) {
    spec.sizes[i] = in.sizes[static_cast<int>(args.dims[i])];
    spec.strides[i] = in.strides[static_cast<int>(args.dims[i])];
  }
  return spec;
}
Grads Permute::backward(const Back<Permute>& b) {
  // The gradient of a permutation is its inverse.
  Dims inverse = b.args.dims;
  for (int i = 0; i < b.args.dims.size(); ++i) inverse[static_cast<int>(b.args.dims[i])] = i;
  return {b.grad[0].permute(inverse)};
}

ViewSpec Expand::geometry(const Args& args) {
  const TensorImpl& in = *args.input.impl();
  ViewSpec spec{args.sizes, args.sizes, in.offset};
  const int lead = args.sizes.size() - in.sizes.size();
  for (int i = 0; i < args.sizes.size(); ++i)
    // A stride of 0 repeats one element without copies.
    spec.strides[i] = i < lead || (in.sizes[i - lead] == 1 && args.sizes[i] != 1) ? 0 : in.strides[i - lead];
  return spec;
}

ViewSpec Slice1d::geometry(const Args& args) {
  const TensorImpl& in = *args.input.impl();
  ViewSpec spec{in.sizes, in.strides, in.offset};
  const int dim = static_cast<int>(args.dim);
  spec.sizes[dim] = args.length;
  spec.strides[dim] *= args.step;
  // An empty part may start behind the end, where no element is.
  if (args.length) spec.offset += args.start * in.strides[dim];
  return spec;
}
Grads Slice1d::backward(const Back<Slice1d>& b) {
  // Zeros around the part's gradient; not a copy into zeros by other ops, which would be two nodes in a recorded
  // backward.
  return {call<SliceBackward>({.grad = b.grad[0],
                               .sizes = b.args.input.sizes(),
                               .dim = b.args.dim,
                               .start = b.args.start,
                               .step = b.args.step})};
}

TensorSpec SliceBackward::infer(const Args& args) { return TensorSpec(args.sizes, args.grad); }
Grads SliceBackward::backward(const Back<SliceBackward>& b) {
  return {call_view<Slice1d>(
      {b.grad[0], b.args.dim, b.args.start, b.args.grad.sizes()[static_cast<int>(b.args.dim)], b.args.step})};
}
Cost SliceBackward::cost(const Args& args) {
  return {0, static_cast<double>(args.grad.nbytes()) + static_cast<double>(checked_numel(info.name, args.sizes)) *
                                                           static_cast<double>(item_size(args.grad.dtype()))};
}

void register_view();
void register_view() { register_ops<Reinterpret, Permute, Expand, Slice1d, SliceBackward>(); }

namespace {
Tensor reinterpret(const Tensor& input, const Shape& sizes, const Strides& strides) {
  return call_view<Reinterpret>({.input = input, .sizes = sizes, .strides = strides});
}
}  // namespace

Tensor Tensor::view(const Shape& sizes) const {
  check_defined("view", "tensor", *this);
  const Shape target = resolve_sizes("view", sizes, *this);
  const std::optional<Strides> strides = view_strides(this->sizes(), this->strides(), target);
  FARRO_CHECK(strides, ShapeError, "view: sizes must keep the strides of the tensor walkable, got ", target, " for ",
              *this, " with strides ", this->strides(), "; use reshape, which copies where it must");
  return reinterpret(*this, target, *strides);
}

Tensor Tensor::reshape(const Shape& sizes) const {
  check_defined("reshape", "tensor", *this);
  const Shape target = resolve_sizes("reshape", sizes, *this);
  if (target == this->sizes()) return *this;
  if (const auto strides = view_strides(this->sizes(), this->strides(), target))
    return reinterpret(*this, target, *strides);
  // Where no strides can express the new sizes: copy first, then every view is possible.
  return reinterpret(contiguous(), target, contiguous_strides(target));
}

Tensor Tensor::flatten(int64_t start_dim, int64_t end_dim) const {
  check_defined("flatten", "tensor", *this);
  const int first = normalize_dim("flatten", start_dim, dim()), last = normalize_dim("flatten", end_dim, dim());
  FARRO_CHECK(first <= last, ValueError, "flatten: start_dim must not be behind end_dim, got ", start_dim, " and ",
              end_dim);
  if (dim() == 0) return reshape({1});
  Shape target;
  int64_t merged = 1;
  for (int i = 0; i < dim(); ++i) {
    if (i >= first && i <= last) merged *= sizes()[i];
    if (i < first || i > last) target.push_back(sizes()[i]);
    if (i == last) target.push_back(merged);
  }
  return reshape(target);
}

Tensor Tensor::permute(const Dims& dims) const {
  check_defined("permute", "tensor", *this);
  FARRO_CHECK(dims.size() == dim(), ShapeError, "permute: dims must name each of the ", dim(), " dimensions once, got ",
              dims);
  Dims order = dims;
  unsigned seen = 0;
  for (int64_t& d : order) {
    d = normalize_dim("permute", d, dim());
    FARRO_CHECK(!(seen >> d & 1u), ValueError, "permute: dims must name each dimension once, got ", dims);
    seen |= 1u << d;
  }
  return call_view<Permute>({*this, order});
}

Tensor Tensor::transpose(int64_t dim0, int64_t dim1) const {
  check_defined("transpose", "tensor", *this);
  const int a = normalize_dim("transpose", dim0, dim()), b = normalize_dim("transpose", dim1, dim());
  if (dim() == 0) return *this;
  Dims order = Dims::filled(dim(), 0);
  for (int i = 0; i < dim(); ++i) order[i] = i == a ? b : i == b ? a : i;
  return call_view<Permute>({*this, order});
}

Tensor Tensor::t() const {
  check_defined("t", "tensor", *this);
  FARRO_CHECK(dim() <= 2, ShapeError, "t: tensor must have at most 2 dimensions, got ", *this);
  return dim() == 2 ? transpose(0, 1) : *this;
}

Tensor Tensor::expand(const Shape& sizes) const {
  check_defined("expand", "tensor", *this);
  const int lead = sizes.size() - dim();
  FARRO_CHECK(lead >= 0, ShapeError, "expand: sizes must have at least the tensor's ", dim(), " dimensions, got ",
              sizes);
  Shape target = sizes;
  for (int i = 0; i < target.size(); ++i) {
    const int64_t own = i < lead ? 1 : this->sizes()[i - lead];
    if (target[i] == -1 && i >= lead) target[i] = own;
    FARRO_CHECK(target[i] >= 0 && (own == 1 || own == target[i]), ShapeError,
                "expand: sizes must equal the tensor's or expand a size of 1, got ", sizes, " for ", *this);
  }
  checked_numel("expand", target);
  return call_view<Expand>({*this, target});
}

Tensor Tensor::squeeze() const {
  check_defined("squeeze", "tensor", *this);
  Shape kept;
  Strides strides;
  for (int i = 0; i < dim(); ++i) {
    if (sizes()[i] == 1) continue;
    kept.push_back(sizes()[i]);
    strides.push_back(this->strides()[i]);
  }
  return reinterpret(*this, kept, strides);
}

Tensor Tensor::squeeze(int64_t dim) const {
  check_defined("squeeze", "tensor", *this);
  const int d = normalize_dim("squeeze", dim, this->dim());
  if (this->dim() == 0 || sizes()[d] != 1) return *this;
  Shape kept = sizes();
  Strides strides = this->strides();
  kept.erase(d);
  strides.erase(d);
  return reinterpret(*this, kept, strides);
}

Tensor Tensor::unsqueeze(int64_t dim) const {
  check_defined("unsqueeze", "tensor", *this);
  const int d = normalize_dim("unsqueeze", dim, this->dim() + 1);
  FARRO_CHECK(this->dim() < kMaxDims, ShapeError, "unsqueeze: tensor must have at most ", kMaxDims - 1,
              " dimensions, got ", *this);
  Shape target = sizes();
  Strides strides = this->strides();
  // A stride that keeps a contiguous tensor contiguous; the dimension has one place, so nothing else depends on it.
  const int64_t stride = d < this->dim() ? strides[d] * std::max<int64_t>(target[d], 1) : 1;
  target.insert(d, 1);
  strides.insert(d, stride);
  return reinterpret(*this, target, strides);
}

Tensor Tensor::narrow(int64_t dim, int64_t start, int64_t length) const {
  check_defined("narrow", "tensor", *this);
  FARRO_CHECK(this->dim() > 0, ShapeError, "narrow: tensor must have a dimension, got ", *this);
  const int d = normalize_dim("narrow", dim, this->dim());
  const int64_t size = sizes()[d];
  // Negative indices count from the end, as in Python.
  const int64_t first = start < 0 ? start + size : start;
  FARRO_CHECK(first >= 0 && length >= 0 && first <= size && length <= size - first, IndexError,
              "narrow: start and length must stay within size ", size, " of dimension ", d, ", got start ", start,
              " and length ", length);
  return call_view<Slice1d>({.input = *this, .dim = d, .start = first, .length = length, .step = 1});
}

Tensor Tensor::slice(int64_t dim, int64_t start, int64_t end, int64_t step) const {
  check_defined("slice", "tensor", *this);
  FARRO_CHECK(this->dim() > 0, ShapeError, "slice: tensor must have a dimension, got ", *this);
  FARRO_CHECK(step > 0, ValueError, "slice: step must be positive, got ", step);
  const int d = normalize_dim("slice", dim, this->dim());
  const int64_t size = sizes()[d];
  // Bounds outside are cut off, as in Python's slices; narrow() takes them for errors.
  const auto clamp = [size](int64_t at) { return std::clamp<int64_t>(at < 0 ? at + size : at, 0, size); };
  const int64_t first = clamp(start), last = std::max(clamp(end), first);
  // ceil((last - first) / step) without overflow.
  const int64_t length = last == first ? 0 : (last - first - 1) / step + 1;
  return call_view<Slice1d>(
      {.input = *this, .dim = d, .start = first, .length = length, .step = std::min(step, std::max<int64_t>(size, 1))});
}

Tensor Tensor::select(int64_t dim, int64_t index) const {
  check_defined("select", "tensor", *this);
  FARRO_CHECK(this->dim() > 0, ShapeError, "select: tensor must have a dimension, got ", *this);
  const int d = normalize_dim("select", dim, this->dim());
  const int64_t size = sizes()[d];
  FARRO_CHECK(index >= -size && index < size, IndexError, "select: index must be in [", -size, ", ", size - 1,
              "] for dimension ", d, " of size ", size, ", got ", index);
  // A slice of one, without its dimension: one view op and its gradient serve both.
  return call_view<Slice1d>(
             {.input = *this, .dim = d, .start = index < 0 ? index + size : index, .length = 1, .step = 1})
      .squeeze(d);
}

namespace {
// A handle takes about 300 bytes: beyond this a mistaken dimension is more likely than a use.
void check_parts(const char* op, int64_t parts, const Tensor& tensor) {
  constexpr int64_t kMostParts = int64_t{1} << 22;
  FARRO_CHECK(parts <= kMostParts, ValueError, op, ": number of tensors must be at most ", kMostParts, ", got ", parts,
              " (tensor: ", tensor, ")");
}

// Of `size` elements each, the last with what is left; one, if empty, where there is nothing.
std::vector<Tensor> parts_of(const char* op, const Tensor& tensor, int dim, int64_t size) {
  const int64_t total = tensor.sizes()[dim], count = std::max<int64_t>(total / size + (total % size != 0), 1);
  check_parts(op, count, tensor);
  std::vector<Tensor> parts;
  parts.reserve(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) parts.push_back(tensor.narrow(dim, i * size, std::min(size, total - i * size)));
  return parts;
}
}  // namespace

std::vector<Tensor> Tensor::split(int64_t size, int64_t dim) const {
  check_defined("split", "tensor", *this);
  FARRO_CHECK(size > 0, ValueError, "split: size must be positive, got ", size);
  FARRO_CHECK(this->dim() > 0, ShapeError, "split: tensor must have a dimension, got ", *this);
  const int d = normalize_dim("split", dim, this->dim());
  return parts_of("split", *this, d, size);
}

std::vector<Tensor> Tensor::chunk(int64_t chunks, int64_t dim) const {
  check_defined("chunk", "tensor", *this);
  FARRO_CHECK(chunks > 0, ValueError, "chunk: chunks must be positive, got ", chunks);
  FARRO_CHECK(this->dim() > 0, ShapeError, "chunk: tensor must have a dimension, got ", *this);
  const int d = normalize_dim("chunk", dim, this->dim());
  const int64_t total = sizes()[d];
  return parts_of("chunk", *this, d, std::max<int64_t>(total / chunks + (total % chunks != 0), 1));
}

std::vector<Tensor> Tensor::unbind(int64_t dim) const {
  check_defined("unbind", "tensor", *this);
  FARRO_CHECK(this->dim() > 0, IndexError, "unbind: tensor must have a dimension, got ", *this);
  const int d = normalize_dim("unbind", dim, this->dim());
  check_parts("unbind", sizes()[d], *this);
  std::vector<Tensor> parts;
  for (int64_t i = 0; i < sizes()[d]; ++i) parts.push_back(select(d, i));
  return parts;
}

}  // namespace farro
