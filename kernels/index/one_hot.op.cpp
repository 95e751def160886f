// SPDX-License-Identifier: Apache-2.0
// one_hot as an op. Without a number of classes it must look at the values, which waits for a device.
#include <farro/kernels/index/one_hot.op.h>

#include <farro/autograd/call/call.h>
#include <farro/core/tensor/number.h>
#include <farro/kernels/index/one_hot.h>
#include <farro/kernels/index/sort.h>

namespace farro {

namespace {

void check_index(const Tensor& index) {
  FARRO_CHECK(index.dtype() == DType::i64 || index.dtype() == DType::i32, DTypeError,
              "one_hot: index must be i64 or i32, got ", index.dtype(), " (index: ", index, ")");
  FARRO_CHECK(index.dim() < kMaxDims, ShapeError, "one_hot: index must have at most ", kMaxDims - 1,
              " dimensions, got ", index);
}

}  // namespace

TensorSpec OneHot::infer(const Args& args) {
  check_index(args.index);
  FARRO_CHECK(args.num_classes > 0, ValueError, "one_hot: num_classes must be positive, got ", args.num_classes);
  Shape sizes = args.index.sizes();
  sizes.push_back(args.num_classes);
  return TensorSpec(sizes, DType::i64, args.index.device());
}
Cost OneHot::cost(const Args& args) {
  return {0, static_cast<double>(args.index.nbytes()) +
                 8.0 * static_cast<double>(args.index.numel()) * static_cast<double>(args.num_classes)};
}

void register_one_hot();
void register_one_hot() { register_op<OneHot>(); }

Tensor one_hot(const Tensor& index, int64_t num_classes) {
  check_defined("one_hot", "index", index);
  if (num_classes >= 0) return call<OneHot>({index, num_classes});
  check_index(index);
  FARRO_CHECK(!index.is_meta(), DeviceError, "one_hot: num_classes must be given for an index without data, got ",
              index);
  FARRO_CHECK(index.numel() > 0, ValueError, "one_hot: num_classes must be given for an empty index, got ", index);
  const int64_t greatest = topk(index.reshape({-1}), 1).first.item<int64_t>();
  FARRO_CHECK(greatest < INT64_MAX, ShapeError, "one_hot: index must leave the number of classes below 2^63, got ",
              greatest, " (index: ", index, ")");
  return call<OneHot>({index, greatest + 1});
}

}  // namespace farro
