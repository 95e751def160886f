// SPDX-License-Identifier: Apache-2.0
// Tensor: a counted handle to an n-dimensional array on a device. Copies of a handle share the array, as in PyTorch.
// The methods are a fixed set, what one reaches for without thinking, declared here and defined beside their ops
// (kernels/<family>); every other operation is a free function.
#pragma once

#include <farro/core/api.h>
#include <farro/core/tensor/scalar.h>
#include <farro/core/tensor/tensor_impl.h>

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace farro {

class Tensor;
struct TensorIndex;  // kernels/index/indexing.h
using TensorList = std::span<const Tensor>;

struct TensorOptions {
  std::optional<DType> dtype = {};    // default: default_dtype()
  std::optional<Device> device = {};  // default: default_device()
  bool requires_grad = false;
};

// channels_last: the channel dimension (1) innermost: [N, C, H, W] lies as [N, H, W, C]; inside kernels also [N, C, L]
// as [N, L, C].
enum class MemoryFormat : uint8_t { contiguous, channels_last };

struct BackwardOptions {
  bool retain_graph = false;
  bool create_graph = false;
};

class FARRO_API Tensor {
 public:
  Tensor() noexcept = default;  // undefined: holds nothing
  explicit Tensor(Ref<TensorImpl> impl) noexcept : impl_(std::move(impl)) {}
  Tensor(const Tensor&) noexcept = default;
  Tensor(Tensor&&) noexcept = default;
  ~Tensor() = default;

  // A named handle is made to refer to the other's array. A temporary on the left is written through, as by copy_ and
  // fill_: z[1] = t, z.index({Slice(), 0}) = 7. ValueError where that would be lost, since the temporary is a copy (as
  // z.index({mask}) is: index_put_ writes there).
  Tensor& operator=(const Tensor&) & noexcept = default;
  Tensor& operator=(Tensor&&) & noexcept = default;
  Tensor& operator=(const Tensor& source) &&;
  Tensor& operator=(Scalar value) &&;

  // --- the handle
  bool defined() const noexcept { return static_cast<bool>(impl_); }
  TensorImpl* impl() const noexcept { return impl_.get(); }
  bool is_same(const Tensor& other) const noexcept { return impl_ == other.impl_; }
  void reset() noexcept { impl_.reset(); }

  // --- what it is; all of these throw ValueError on an undefined tensor
  const Shape& sizes() const { return record("sizes").sizes; }
  const Strides& strides() const { return record("strides").strides; }
  int64_t size(int64_t dim) const {
    const Shape& sizes = record("size").sizes;
    return sizes[normalize_dim("size", dim, sizes.size())];
  }
  int64_t stride(int64_t dim) const {
    const Strides& strides = record("stride").strides;
    return strides[normalize_dim("stride", dim, strides.size())];
  }
  int dim() const { return record("dim").sizes.size(); }
  int64_t numel() const { return record("numel").numel; }
  DType dtype() const { return record("dtype").dtype; }
  Device device() const { return record("device").device; }
  bool is_cpu() const { return record("is_cpu").device.is_cpu(); }
  bool is_cuda() const { return record("is_cuda").device.is_cuda(); }
  bool is_meta() const { return record("is_meta").device.is_meta(); }
  int64_t storage_offset() const { return record("storage_offset").offset; }
  const Ref<Storage>& storage() const { return record("storage").storage; }
  size_t nbytes() const { return size_t(record("nbytes").numel) * item_size(impl_->dtype); }
  bool is_contiguous(MemoryFormat format = MemoryFormat::contiguous) const {
    const TensorImpl& impl = record("is_contiguous");
    return format == MemoryFormat::contiguous ? impl.contiguous : is_channels_last(impl.sizes, impl.strides);
  }

  // --- the data
  // First element, on the tensor's device. data<T>() throws DTypeError unless T is the tensor's element type.
  void* raw_data() const {
    const TensorImpl& impl = record("raw_data");
    return static_cast<char*>(impl.storage->data()) + size_t(impl.offset) * item_size(impl.dtype);
  }
  template <ElementType T>
  T* data() const;
  // The only element as a number; throws ShapeError unless numel() == 1, ValueError where T cannot hold it: NaN or
  // 300 in uint8_t (core/tensor/number.h). Waits for the device.
  template <ElementType T = double>
  T item() const;
  // All elements in row-major order, converted to T, on the host.
  template <ElementType T>
  std::vector<T> to_vector() const;

  // --- views: share storage
  Tensor view(const Shape& sizes) const;     // one size may be -1; throws ShapeError where strides do not allow it
  Tensor reshape(const Shape& sizes) const;  // a view where possible, else a copy
  Tensor flatten(int64_t start_dim = 0, int64_t end_dim = -1) const;
  Tensor permute(const Dims& dims) const;
  Tensor transpose(int64_t dim0, int64_t dim1) const;
  Tensor t() const;                         // rank <= 2
  Tensor expand(const Shape& sizes) const;  // -1 keeps a size
  Tensor squeeze() const;
  Tensor squeeze(int64_t dim) const;
  Tensor unsqueeze(int64_t dim) const;
  Tensor select(int64_t dim, int64_t index) const;
  Tensor narrow(int64_t dim, int64_t start, int64_t length) const;
  Tensor slice(int64_t dim, int64_t start, int64_t end, int64_t step = 1) const;  // bounds clamp as in Python
  // Any geometry over the same storage; `offset` counts from the storage's start. IndexError where it leaves the
  // storage.
  Tensor as_strided(const Shape& sizes, const Strides& strides, int64_t offset) const;
  std::vector<Tensor> split(int64_t size, int64_t dim = 0) const;
  std::vector<Tensor> chunk(int64_t chunks, int64_t dim = 0) const;
  std::vector<Tensor> unbind(int64_t dim = 0) const;
  Tensor operator[](int64_t index) const { return select(0, index); }
  // t.index({Slice(0, 10, 2), 3, None, Ellipsis, mask}): PyTorch's indexing.
  Tensor index(std::initializer_list<TensorIndex> indices) const;
  Tensor& index_put_(std::initializer_list<TensorIndex> indices, const Tensor& values);
  Tensor detach() const;

  // --- copies
  Tensor clone() const;
  Tensor contiguous(MemoryFormat format = MemoryFormat::contiguous) const;  // itself where it already is
  Tensor to(DType dtype) const;
  Tensor to(Device device) const;
  Tensor to(Device device, DType dtype) const;

  // --- arithmetic; shapes broadcast, dtypes promote
  Tensor operator-() const;
  Tensor& add_(const Tensor& other, Scalar alpha = 1);
  Tensor& sub_(const Tensor& other);
  Tensor& mul_(const Tensor& other);
  Tensor& div_(const Tensor& other);
  Tensor& add_(Scalar other);
  Tensor& sub_(Scalar other);
  Tensor& mul_(Scalar other);
  Tensor& div_(Scalar other);
  Tensor& operator+=(const Tensor& other) { return add_(other); }
  Tensor& operator-=(const Tensor& other) { return sub_(other); }
  Tensor& operator*=(const Tensor& other) { return mul_(other); }
  Tensor& operator/=(const Tensor& other) { return div_(other); }
  Tensor& operator+=(Scalar other) { return add_(other); }
  Tensor& operator-=(Scalar other) { return sub_(other); }
  Tensor& operator*=(Scalar other) { return mul_(other); }
  Tensor& operator/=(Scalar other) { return div_(other); }
  Tensor& copy_(const Tensor& source);  // converts dtype and device
  Tensor& fill_(Scalar value);
  Tensor& zero_();
  Tensor& clamp_(std::optional<Scalar> low, std::optional<Scalar> high);
  Tensor& masked_fill_(const Tensor& mask, Scalar value);
  Tensor& uniform_(double low = 0, double high = 1);
  Tensor& normal_(double mean = 0, double std = 1);
  Tensor& bernoulli_(double p = 0.5);

  // --- reductions over all elements, or over dims
  Tensor sum() const;
  Tensor sum(const Dims& dims, bool keepdim = false) const;
  Tensor mean() const;
  Tensor mean(const Dims& dims, bool keepdim = false) const;
  Tensor max() const;
  Tensor min() const;
  Tensor argmax() const;
  Tensor argmax(int64_t dim, bool keepdim = false) const;
  Tensor any() const;
  Tensor all() const;
  Tensor matmul(const Tensor& other) const;

  // Pointwise functions that read better behind the tensor.
  Tensor exp() const;
  Tensor log() const;
  Tensor sqrt() const;
  Tensor abs() const;
  Tensor pow(Scalar exponent) const;
  Tensor tanh() const;
  Tensor sigmoid() const;
  Tensor relu() const;

  // --- autograd
  bool requires_grad() const { return record("requires_grad").needs_grad(); }
  bool is_leaf() const { return !record("is_leaf").has_history(); }
  // Leaves of a floating dtype only (AutogradError, DTypeError).
  Tensor& set_requires_grad(bool value = true);
  const Ref<GraphNode>& grad_fn() const;
  // The accumulated gradient; undefined where there is none.
  Tensor grad() const { return record("grad").meta ? Tensor(impl_->meta->grad()) : Tensor(); }
  void set_grad(const Tensor& grad);
  // Keeps the gradient of a tensor that is no leaf in grad().
  Tensor& retain_grad();
  // `gradient` (default: 1, for a single element) is d(loss)/d(*this). Gradients add up in the leaves' grad().
  void backward(const Tensor& gradient = {}, BackwardOptions options = {}) const;
  // Runs when the gradient of this tensor is known; a defined return value replaces it. Returns an id for removal,
  // which finds the hook until the tensor is changed in place: the hook stays with the value it was registered on.
  using Hook = std::function<Tensor(const Tensor& grad)>;
  uint64_t register_hook(Hook hook);
  void remove_hook(uint64_t id);
  uint32_t version() const { return record("version").storage->version(); }

 private:
  TensorImpl& record(const char* method) const {
    if (!impl_) [[unlikely]]
      throw_undefined(method);
    return *impl_;
  }
  [[noreturn]] static void throw_undefined(const char* method);

  Ref<TensorImpl> impl_;
};

// "f32 [512] cuda:0": how errors describe a tensor; "undefined" for an empty handle.
FARRO_API std::string to_string(const Tensor& tensor);

// --- operators; a number counts as a 0-dim tensor of low priority in promotion
FARRO_API Tensor operator+(const Tensor& a, const Tensor& b);
FARRO_API Tensor operator-(const Tensor& a, const Tensor& b);
FARRO_API Tensor operator*(const Tensor& a, const Tensor& b);
FARRO_API Tensor operator/(const Tensor& a, const Tensor& b);
FARRO_API Tensor operator+(const Tensor& a, Scalar b);
FARRO_API Tensor operator-(const Tensor& a, Scalar b);
FARRO_API Tensor operator*(const Tensor& a, Scalar b);
FARRO_API Tensor operator/(const Tensor& a, Scalar b);
FARRO_API Tensor operator+(Scalar a, const Tensor& b);
FARRO_API Tensor operator-(Scalar a, const Tensor& b);
FARRO_API Tensor operator*(Scalar a, const Tensor& b);
FARRO_API Tensor operator/(Scalar a, const Tensor& b);
// Elementwise comparisons give bool tensors.
FARRO_API Tensor operator==(const Tensor& a, const Tensor& b);
FARRO_API Tensor operator!=(const Tensor& a, const Tensor& b);
FARRO_API Tensor operator<(const Tensor& a, const Tensor& b);
FARRO_API Tensor operator<=(const Tensor& a, const Tensor& b);
FARRO_API Tensor operator>(const Tensor& a, const Tensor& b);
FARRO_API Tensor operator>=(const Tensor& a, const Tensor& b);
FARRO_API Tensor operator==(const Tensor& a, Scalar b);
FARRO_API Tensor operator!=(const Tensor& a, Scalar b);
FARRO_API Tensor operator<(const Tensor& a, Scalar b);
FARRO_API Tensor operator<=(const Tensor& a, Scalar b);
FARRO_API Tensor operator>(const Tensor& a, Scalar b);
FARRO_API Tensor operator>=(const Tensor& a, Scalar b);

// --- construction without computing anything; the rest is in kernels/random and kernels/memory/factories.h

// Uninitialised.
FARRO_API Tensor empty(const Shape& sizes, const TensorOptions& options = {});
FARRO_API Tensor empty_strided(const Shape& sizes, const Strides& strides, const TensorOptions& options = {});
// Sizes, dtype, device and (if dense) strides of `like`.
FARRO_API Tensor empty_like(const Tensor& like);
// Memory of the caller, on the host unless options say otherwise; alive until `deleter` has run.
FARRO_API Tensor from_blob(void* data, const Shape& sizes, const TensorOptions& options = {},
                           std::function<void()> deleter = {});
FARRO_API Tensor from_blob(void* data, const Shape& sizes, const Strides& strides, const TensorOptions& options = {},
                           std::function<void()> deleter = {});
// A 0-dim CPU tensor that counts as a C++ number in promotion: of the default dtype, i64 or bool.
FARRO_API Tensor wrap_number(Scalar value);
// As above, for an operation with `beside`: where that is floating, in a dtype that loses nothing there (f64 or f32).
FARRO_API Tensor wrap_number(Scalar value, const Tensor& beside);
// Another view of the same storage: no history, no checks. For the machinery.
FARRO_API Tensor make_view(const Tensor& of, const Shape& sizes, const Strides& strides, int64_t offset);

}  // namespace farro
