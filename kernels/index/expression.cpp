// SPDX-License-Identifier: Apache-2.0
// Takes an index expression apart: numbers, slices, None and Ellipsis make a view; index tensors and masks are left
// over for the ops Index and IndexPut.
#include <farro/autograd/call/inplace.h>
#include <farro/core/tensor/number.h>
#include <farro/kernels/index/gather.h>
#include <farro/kernels/index/indexing.h>
#include <farro/kernels/index/indexing.op.h>
#include <farro/kernels/memory/factories.h>
#include <farro/kernels/memory/reshape.h>
#include <farro/kernels/reduce/sum.h>

namespace farro {

namespace {

class Expression {
 public:
  Expression(const char* op, const Tensor& tensor, std::span<const TensorIndex> indices) : op_(op), view_(tensor) {
    const int mentioned = count_mentioned(indices);
    FARRO_CHECK(mentioned <= tensor.dim(), IndexError, op, ": at most ", tensor.dim(),
                " dimensions must be indexed, got ", mentioned, " (tensor: ", tensor, ")");
    for (const TensorIndex& index : indices)
      // From left to right, each entry narrowing the view or leaving an index tensor for the dimension that it stands
      // for.
      std::visit([&](const auto& value) { apply(value, tensor.dim() - mentioned); }, index.value);
  }

  const Tensor& view() const { return view_; }
  const std::vector<Tensor>& indices() const { return indices_; }
  const Dims& dims() const { return dims_; }

 private:
  // Dimensions of the tensor that the expression uses up.
  int count_mentioned(std::span<const TensorIndex> indices) const {
    int mentioned = 0, ellipses = 0;
    for (const TensorIndex& index : indices) {
      // A mask covers as many dimensions as it has, an index tensor covers one.
      if (const Tensor* tensor = std::get_if<Tensor>(&index.value)) {
        check_defined(op_, "index", *tensor);
        mentioned += tensor->dtype() == DType::boolean ? tensor->dim() : 1;
      } else if (std::holds_alternative<int64_t>(index.value) || std::holds_alternative<Slice>(index.value)) {
        ++mentioned;
      } else if (std::holds_alternative<EllipsisType>(index.value)) {
        ++ellipses;
      }
    }
    FARRO_CHECK(ellipses <= 1, IndexError, op_, ": at most one Ellipsis must be given, got ", ellipses);
    return mentioned;
  }

  void apply(int64_t number, int) {
    const int64_t size = view_.sizes()[dim_];
    FARRO_CHECK(number >= -size && number < size, IndexError, op_, ": index must be at least ", -size, " and below ",
                size, " (the size of dimension ", dim_, "), got ", number);
    view_ = view_.select(dim_, number);
  }
  void apply(const Slice& slice, int) {
    FARRO_CHECK(!slice.step || *slice.step > 0, ValueError, op_, ": step must be positive, got ", *slice.step);
    if (slice.start || slice.stop || slice.step)
      view_ =
          view_.slice(dim_, slice.start.value_or(0), slice.stop.value_or(view_.sizes()[dim_]), slice.step.value_or(1));
    ++dim_;
  }
  void apply(NoneType, int) { view_ = view_.unsqueeze(dim_++); }
  void apply(EllipsisType, int unmentioned) { dim_ += unmentioned; }
  void apply(const Tensor& index, int) {
    FARRO_CHECK(!is_floating(index.dtype()) && index.dtype() != DType::u8, DTypeError, op_,
                ": index must be i64, i32 or a bool mask, got ", index.dtype(), " (index: ", index, ")");
    // A mask is the list of the places where it is true, one index for each dimension it covers.
    if (index.dtype() == DType::boolean) return apply_mask(index);
    // A tensor without dimensions is a number. Reading it needs its value, which a meta tensor has not.
    if (index.dim() == 0 && !index.is_meta()) return apply(index.item<int64_t>(), 0);
    add(index);
  }

  void apply_mask(const Tensor& mask) {
    if (mask.dim() == 0) view_ = view_.unsqueeze(dim_);  // keeps all or nothing
    const Tensor covering = mask.dim() ? mask : mask.reshape({1});
    for (int d = 0; d < covering.dim(); ++d)
      FARRO_CHECK(covering.sizes()[d] == view_.sizes()[dim_ + d], IndexError, op_,
                  ": a mask must have the sizes of the dimensions it covers, got ", mask.sizes(), " for dimensions ",
                  dim_, " to ", dim_ + covering.dim() - 1, " of ", view_.sizes());
    if (merge_covered(covering.dim())) return add(nonzero(covering.reshape({-1})).select(1, 0));
    for (const Tensor& coordinate : nonzero(covering).unbind(1)) add(coordinate);
  }

  // Makes one dimension of those that a mask covers, where strides allow: one list of places is less work than several.
  bool merge_covered(int count) {
    if (count == 1) return true;
    Shape sizes = view_.sizes();
    for (int d = 1; d < count; ++d) {
      sizes[dim_] *= sizes[dim_ + 1];
      sizes.erase(dim_ + 1);
    }
    if (!view_strides(view_.sizes(), view_.strides(), sizes)) return false;
    view_ = view_.view(sizes);
    return true;
  }

  void add(const Tensor& index) {
    indices_.push_back(index.to(view_.device()));
    dims_.push_back(dim_++);
  }

  const char* op_;
  Tensor view_;
  int dim_ = 0;  // of the view, that the next entry is about
  std::vector<Tensor> indices_;
  Dims dims_;
};

}  // namespace

Tensor index(const Tensor& input, std::span<const TensorIndex> indices) {
  check_defined("index", "input", input);
  const Expression expression("index", input, indices);
  if (expression.indices().empty()) return expression.view();
  return call<Index>({.input = expression.view(), .indices = expression.indices(), .dims = expression.dims()});
}

namespace {

// t[mask] = number, without a list of places; false where it is anything else.
bool fill_masked(const Tensor& target, std::span<const TensorIndex> indices, const Tensor& value) {
  // An element count would have to be read from the mask (a wait, on a device) and a list of places written and read:
  // masked_fill needs neither. A value that wants a gradient takes the general way.
  if (indices.size() != 1 || value.numel() != 1 || !value.is_cpu() || value.requires_grad()) return false;
  const Tensor* mask = std::get_if<Tensor>(&indices[0].value);
  if (!mask || mask->dtype() != DType::boolean || mask->dim() == 0 || mask->device() != target.device()) return false;
  Shape sizes = mask->sizes();
  for (int d = 0; d < target.dim(); ++d) {
    if (d < sizes.size() && sizes[d] != target.sizes()[d]) return false;
    if (d >= sizes.size()) sizes.push_back(1);
  }
  if (sizes.size() != target.dim()) return false;
  // Converted as every other value is.
  const Tensor converted = value.to(target.dtype());
  const Scalar number =
      is_floating(target.dtype()) ? Scalar(converted.item<double>()) : Scalar(converted.item<int64_t>());
  Tensor(target).masked_fill_(mask->reshape(sizes), number);
  return true;
}

}  // namespace

Tensor& index_put_(Tensor& target, std::span<const TensorIndex> indices, const Tensor& values, bool accumulate) {
  check_defined("index_put_", "target", target);
  check_defined("index_put_", "values", values);
  // The form in which a C++ number comes here.
  if (values.dim() == 0 && values.is_cpu() && values.dtype() != target.dtype()) {
    const Scalar number = is_floating(values.dtype()) ? Scalar(values.item<double>()) : Scalar(values.item<int64_t>());
    check_holds("index_put_", "values", number, "target", target);
  }
  if (!accumulate && fill_masked(target, indices, values)) return target;
  const Expression expression("index_put_", target, indices);
  Tensor part = expression.view();
  const Tensor converted = values.to(target.device(), target.dtype());
  if (expression.indices().empty()) {
    accumulate ? part.add_(converted) : part.copy_(converted);
  } else {
    call_inplace<IndexPut>({.target = part,
                            .values = converted,
                            .indices = expression.indices(),
                            .dims = expression.dims(),
                            .accumulate = accumulate},
                           part);
  }
  return target;
}

Tensor Tensor::index(std::initializer_list<TensorIndex> indices) const {
  return farro::index(*this, {indices.begin(), indices.size()});
}
Tensor& Tensor::index_put_(std::initializer_list<TensorIndex> indices, const Tensor& values) {
  return farro::index_put_(*this, {indices.begin(), indices.size()}, values);
}

Tensor masked_select(const Tensor& input, const Tensor& mask) {
  check_defined("masked_select", "input", input);
  check_defined("masked_select", "mask", mask);
  FARRO_CHECK(mask.dtype() == DType::boolean, DTypeError, "masked_select: mask must be bool, got ", mask.dtype(),
              " (mask: ", mask, ")");
  FARRO_CHECK(input.device() == mask.device(), DeviceError, "masked_select: input and mask must be on one device, got ",
              input, " and ", mask);
  FARRO_CHECK(!mask.is_meta(), DeviceError, "masked_select: mask must have data, got ", mask);
  const Shape sizes = broadcast_shapes("masked_select", input.sizes(), mask.sizes());
  // The number of results depends on the values: this waits for a device.
  const Tensor places = nonzero(mask.expand(sizes).reshape({-1}));
  return index_select(input.expand(sizes).reshape({-1}), 0, places.reshape({-1}));
}

Tensor nonzero(const Tensor& input) {
  check_defined("nonzero", "input", input);
  FARRO_CHECK(!input.is_meta(), DeviceError, "nonzero: input must have data, got ", input);
  const Tensor mask = input.detach().to(DType::boolean);
  return call<Nonzero>({mask, sum(mask).item<int64_t>()});
}

}  // namespace farro
