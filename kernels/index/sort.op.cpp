// SPDX-License-Identifier: Apache-2.0
// sort, argsort and topk as one op: the first `count` entries of the sorted order with their places, through which the
// gradient goes back.
#include <farro/kernels/index/sort.op.h>

#include <farro/autograd/call/call.h>
#include <farro/core/tensor/number.h>
#include <farro/kernels/index/gather.h>
#include <farro/kernels/index/sort.h>
#include <farro/kernels/memory/factories.h>

namespace farro {

std::array<TensorSpec, 2> Sort::infer(const Args& args) {
  const int dim = static_cast<int>(args.dim);
  Shape sizes = args.input.sizes();
  FARRO_CHECK(args.count >= 0 && args.count <= sizes[dim], ValueError, "topk: k must be at least 0 and at most ",
              sizes[dim], " (the size of dimension ", dim, "), got ", args.count);
  sizes[dim] = args.count;
  return {TensorSpec(sizes, args.input), TensorSpec(sizes, DType::i64, args.input.device())};
}
Grads Sort::backward(const Back<Sort>& b) {
  // Places within a line are distinct, so nothing is added up: scatter_add into zeros is a scatter.
  const Tensor& g = b.grad[0];
  return {
      scatter_add(zeros(b.args.input.sizes(), {.dtype = g.dtype(), .device = g.device()}), b.args.dim, b.out[1], g)};
}
Cost Sort::cost(const Args& args) {
  const double size = static_cast<double>(args.input.sizes()[static_cast<int>(args.dim)]);
  const double kept = size ? static_cast<double>(args.count) / size : 0;
  return {0,
          static_cast<double>(args.input.nbytes()) * (1 + kept) + 8 * kept * static_cast<double>(args.input.numel())};
}

void register_sort();
void register_sort() { register_op<Sort>(); }

std::pair<Tensor, Tensor> topk(const Tensor& input, int64_t k, int64_t dim, bool largest) {
  check_defined("topk", "input", input);
  const int d = normalize_dim("topk", dim, input.dim());
  auto out =
      call<Sort>({.input = input.dim() ? input : input.reshape({1}), .count = k, .dim = d, .descending = largest});
  if (input.dim() == 0 && k == 1) return {out[0].reshape({}), out[1].reshape({})};
  return {std::move(out[0]), std::move(out[1])};
}

std::pair<Tensor, Tensor> sort(const Tensor& input, int64_t dim, bool descending) {
  check_defined("sort", "input", input);
  const int d = normalize_dim("sort", dim, input.dim());
  return topk(input, input.dim() ? input.sizes()[d] : 1, d, descending);
}

Tensor argsort(const Tensor& input, int64_t dim, bool descending) {
  check_defined("argsort", "input", input);
  normalize_dim("argsort", dim, input.dim());  // in the name of this function
  return sort(input, dim, descending).second;
}

}  // namespace farro
