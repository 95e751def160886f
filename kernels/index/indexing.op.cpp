// SPDX-License-Identifier: Apache-2.0
// The ops behind index expressions; taking an expression apart is in expression.cpp.
#include <farro/kernels/index/indexing.op.h>

#include <farro/autograd/call/inplace.h>
#include <farro/kernels/memory/factories.h>
#include <farro/kernels/pointwise/choose.h>

namespace farro {

namespace {

double bytes(TensorList tensors) {
  double sum = 0;
  for (const Tensor& tensor : tensors) sum += static_cast<double>(tensor.nbytes());
  return sum;
}

double moved_bytes(const char* op, const Tensor& tensor, TensorList indices, const Dims& dims) {
  double elements = 1;
  for (int64_t size : indexed_shape(op, tensor.sizes(), indices, dims)) elements *= static_cast<double>(size);
  return bytes(indices) + 2 * elements * static_cast<double>(item_size(tensor.dtype()));
}

// Which values a later one for the same place replaced: their numbers, put and read back, are not their own.
Tensor overwritten(const Tensor& target, TensorList indices, const Dims& dims) {
  const TensorOptions options{.dtype = DType::i64, .device = target.device()};
  const Shape part = indexed_shape("index_put_", target.sizes(), indices, dims);
  const Tensor numbers = arange(checked_numel("index_put_", part), options).reshape(part);
  Tensor last = empty(target.sizes(), options);
  call_inplace<IndexPut>({.target = last, .values = numbers, .indices = indices, .dims = dims, .accumulate = false},
                         last);
  return call<Index>({.input = last, .indices = indices, .dims = dims}) != numbers;
}

}  // namespace

bool are_neighbours(const Dims& dims) noexcept { return dims.back() - dims[0] == dims.size() - 1; }

Shape indexed_shape(const char* op, const Shape& sizes, TensorList indices, const Dims& dims) {
  // NumPy's rule: index tensors broadcast to one shape, which takes the place of the indexed dimensions if these are
  // neighbours and comes first otherwise.
  Shape places = indices[0].sizes();
  for (const Tensor& index : indices) {
    FARRO_CHECK(index.dtype() == DType::i64 || index.dtype() == DType::i32, DTypeError, op,
                ": index must be i64, i32 or a bool mask, got ", index.dtype(), " (index: ", index, ")");
    places = broadcast_shapes(op, places, index.sizes());
  }
  Shape result;
  const bool in_place = are_neighbours(dims);
  const auto add_places = [&] {
    for (int64_t size : places) result.push_back(size);
  };
  if (!in_place) add_places();
  for (int d = 0, k = 0; d < sizes.size(); ++d) {
    if (k < dims.size() && dims[k] == d) {
      if (in_place && k == 0) add_places();
      ++k;
    } else {
      result.push_back(sizes[d]);
    }
  }
  return result;
}

TensorSpec Index::infer(const Args& args) {
  return TensorSpec(indexed_shape(info.name, args.input.sizes(), args.indices, args.dims), args.input);
}
Grads Index::backward(const Back<Index>& b) {
  const TensorList indices = b.args.indices;
  // A place that was read several times gets the sum of its gradients.
  Tensor sum = zeros(b.args.input.sizes(), {.dtype = b.grad[0].dtype(), .device = b.grad[0].device()});
  Grads result(1 + indices.size());
  result[0] = call_inplace<IndexPut>(
      {.target = sum, .values = b.grad[0], .indices = indices, .dims = b.args.dims, .accumulate = true}, sum);
  return result;
}
Cost Index::cost(const Args& args) { return {0, moved_bytes(info.name, args.input, args.indices, args.dims)}; }

TensorSpec IndexPut::infer(const Args& args) {
  const Shape part = indexed_shape("index_put_", args.target.sizes(), args.indices, args.dims);
  const Shape& values = args.values.sizes();
  bool fits = values.size() <= part.size();
  for (int i = 0, lead = part.size() - values.size(); fits && i < values.size(); ++i)
    fits = values[i] == 1 || values[i] == part[lead + i];
  FARRO_CHECK(fits, ShapeError, "index_put_: values must broadcast to the shape ", part, " of the indexed part, got ",
              args.values);
  return TensorSpec(args.target.sizes(), args.target);
}
Grads IndexPut::backward(const Back<IndexPut>& b) {
  const TensorList indices = b.args.indices;
  Grads result(2 + indices.size());
  if (b.need[0]) {
    // Where values were put, the target's old elements are gone: their gradient is 0. Where they were added, it passes
    // unchanged.
    result[0] = b.grad[0];
    if (!b.args.accumulate) {
      Tensor rest = b.grad[0].clone();
      const Tensor zero = zeros({}, {.dtype = rest.dtype(), .device = rest.device()});
      result[0] = call_inplace<IndexPut>(
          {.target = rest, .values = zero, .indices = indices, .dims = b.args.dims, .accumulate = false}, rest);
    }
  }
  if (b.need[1]) {
    result[1] = call<Index>({.input = b.grad[0], .indices = indices, .dims = b.args.dims});
    // Of several values for one place the last one stays; the others had no effect.
    if (!b.args.accumulate) result[1] = masked_fill(result[1], overwritten(b.grad[0], indices, b.args.dims), 0);
  }
  return result;
}
Cost IndexPut::cost(const Args& args) {
  return {args.accumulate ? static_cast<double>(args.values.numel()) : 0,
          moved_bytes("index_put_", args.target, args.indices, args.dims)};
}

TensorSpec Nonzero::infer(const Args& args) {
  return TensorSpec({args.count, args.mask.dim()}, DType::i64, args.mask.device());
}
Cost Nonzero::cost(const Args& args) {
  return {0, static_cast<double>(args.mask.nbytes()) + 8.0 * static_cast<double>(args.count * args.mask.dim())};
}

void register_indexing();
void register_indexing() { register_ops<Index, IndexPut, Nonzero>(); }

}  // namespace farro
