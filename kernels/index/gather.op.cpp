// SPDX-License-Identifier: Apache-2.0
// gather, scatter_add, index_select and index_add as ops: two pairs, each the transpose of the other, so each is the
// other's gradient.
#include <farro/kernels/index/gather.op.h>

#include <farro/autograd/call/call.h>
#include <farro/core/tensor/number.h>
#include <farro/kernels/index/gather.h>
#include <farro/kernels/memory/factories.h>

namespace farro {

namespace {

void check_index_dtype(const char* op, const Tensor& index) {
  FARRO_CHECK(index.dtype() == DType::i64 || index.dtype() == DType::i32, DTypeError, op,
              ": index must be i64 or i32, got ", index.dtype(), " (index: ", index, ")");
}

// The index must reach no further than the input, except along `dim`.
void check_gather_shapes(const char* op, const Tensor& input, int64_t dim, const Tensor& index) {
  check_index_dtype(op, index);
  bool fits = index.dim() == input.dim();
  for (int d = 0; fits && d < input.dim(); ++d) fits = d == dim || index.sizes()[d] <= input.sizes()[d];
  FARRO_CHECK(fits, ShapeError, op, ": index must have input's ", input.dim(), " dimensions and, except in dimension ",
              dim, ", at most its sizes ", input.sizes(), ", got ", index.sizes(), " (index: ", index, ")");
}

void check_src_dtype(const char* op, const Tensor& input, const Tensor& src) {
  FARRO_CHECK(src.dtype() == input.dtype(), DTypeError, op, ": src must have input's dtype ", input.dtype(), ", got ",
              src.dtype(), " (src: ", src, ")");
}

// The sizes of `entries` slices of input.
Shape with_size(Shape sizes, int64_t dim, int64_t entries) {
  sizes[static_cast<int>(dim)] = entries;
  return sizes;
}

double bytes(const Tensor& tensor) { return static_cast<double>(tensor.nbytes()); }

Tensor zeros_as(const Tensor& like, const Shape& sizes) {
  return zeros(sizes, {.dtype = like.dtype(), .device = like.device()});
}

// A tensor without dimensions as one of size 1.
Tensor lifted(const Tensor& tensor) { return tensor.dim() ? tensor : tensor.reshape({1}); }

}  // namespace

TensorSpec Gather::infer(const Args& args) {
  check_gather_shapes(info.name, args.input, args.dim, args.index);
  return TensorSpec(args.index.sizes(), args.input);
}
Grads Gather::backward(const Back<Gather>& b) {
  // A place that was read several times gets the sum.
  return {scatter_add(zeros_as(b.grad[0], b.args.input.sizes()), b.args.dim, b.args.index, b.grad[0]), Tensor()};
}
Cost Gather::cost(const Args& args) {
  const double item = static_cast<double>(item_size(args.input.dtype()));
  return {0, bytes(args.index) + 2 * item * static_cast<double>(args.index.numel())};
}

TensorSpec ScatterAdd::infer(const Args& args) {
  check_gather_shapes(info.name, args.input, args.dim, args.index);
  check_src_dtype(info.name, args.input, args.src);
  FARRO_CHECK(args.src.sizes() == args.index.sizes(), ShapeError,
              "scatter_add: src must be at least as big as index, got ", args.src.sizes(), " and ", args.index.sizes());
  return TensorSpec(args.input.sizes(), args.input);
}
Grads ScatterAdd::backward(const Back<ScatterAdd>& b) {
  return {b.need[0] ? b.grad[0] : Tensor(), Tensor(),
          b.need[2] ? gather(b.grad[0], b.args.dim, b.args.index) : Tensor()};
}
Cost ScatterAdd::cost(const Args& args) {
  return {static_cast<double>(args.src.numel()), 2 * bytes(args.input) + bytes(args.index) + bytes(args.src)};
}

TensorSpec IndexSelect::infer(const Args& args) {
  check_index_dtype(info.name, args.index);
  FARRO_CHECK(args.index.dim() == 1, ShapeError, "index_select: index must have one dimension, got ", args.index);
  return TensorSpec(with_size(args.input.sizes(), args.dim, args.index.numel()), args.input);
}
Grads IndexSelect::backward(const Back<IndexSelect>& b) {
  return {index_add(zeros_as(b.grad[0], b.args.input.sizes()), b.args.dim, b.args.index, b.grad[0]), Tensor()};
}
Cost IndexSelect::cost(const Args& args) {
  const int64_t size = args.input.sizes()[static_cast<int>(args.dim)];
  const double slice = size ? bytes(args.input) / static_cast<double>(size) : 0;
  return {0, bytes(args.index) + 2 * slice * static_cast<double>(args.index.numel())};
}

TensorSpec IndexAdd::infer(const Args& args) {
  check_index_dtype(info.name, args.index);
  check_src_dtype(info.name, args.input, args.src);
  FARRO_CHECK(args.index.dim() == 1, ShapeError, "index_add: index must have one dimension, got ", args.index);
  const Shape expected = with_size(args.input.sizes(), args.dim, args.index.numel());
  FARRO_CHECK(args.src.sizes() == expected, ShapeError, "index_add: src must have the shape ", expected,
              " of the slices that index names, got ", args.src);
  return TensorSpec(args.input.sizes(), args.input);
}
Grads IndexAdd::backward(const Back<IndexAdd>& b) {
  return {b.need[0] ? b.grad[0] : Tensor(), Tensor(),
          b.need[2] ? index_select(b.grad[0], b.args.dim, b.args.index) : Tensor()};
}
Cost IndexAdd::cost(const Args& args) {
  return {static_cast<double>(args.src.numel()), 2 * bytes(args.input) + bytes(args.index) + bytes(args.src)};
}

void register_gather();
void register_gather() { register_ops<Gather, ScatterAdd, IndexSelect, IndexAdd>(); }

Tensor gather(const Tensor& input, int64_t dim, const Tensor& index) {
  check_defined("gather", "input", input);
  check_defined("gather", "index", index);
  const int d = normalize_dim("gather", dim, input.dim());
  return call<Gather>({.input = lifted(input), .dim = d, .index = lifted(index)}).reshape(index.sizes());
}

Tensor scatter_add(const Tensor& input, int64_t dim, const Tensor& index, const Tensor& src) {
  check_defined("scatter_add", "input", input);
  check_defined("scatter_add", "index", index);
  check_defined("scatter_add", "src", src);
  const int d = normalize_dim("scatter_add", dim, input.dim());
  const Tensor at = lifted(index);
  // src may be larger than index; the surplus is cut off by a view, whose gradient fills it with zeros.
  Tensor used = lifted(src);
  FARRO_CHECK(used.dim() == at.dim(), ShapeError, "scatter_add: src must have as many dimensions as index, got ", src,
              " and ", index);
  for (int i = 0; i < used.dim(); ++i)
    if (at.sizes()[i] < used.sizes()[i]) used = used.narrow(i, 0, at.sizes()[i]);
  return call<ScatterAdd>({.input = lifted(input), .dim = d, .index = at, .src = used}).reshape(input.sizes());
}

Tensor index_select(const Tensor& input, int64_t dim, const Tensor& index) {
  check_defined("index_select", "input", input);
  check_defined("index_select", "index", index);
  const int d = normalize_dim("index_select", dim, input.dim());
  const Tensor out = call<IndexSelect>({lifted(input), d, lifted(index)});
  return input.dim() ? out : out.reshape({});
}

Tensor index_add(const Tensor& input, int64_t dim, const Tensor& index, const Tensor& src) {
  check_defined("index_add", "input", input);
  check_defined("index_add", "index", index);
  check_defined("index_add", "src", src);
  const int d = normalize_dim("index_add", dim, input.dim());
  return call<IndexAdd>({lifted(input), d, lifted(index), lifted(src)}).reshape(input.sizes());
}

}  // namespace farro
