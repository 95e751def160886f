// SPDX-License-Identifier: Apache-2.0
// digest as an op. Its kernels read contiguous tensors; others are copied first, so that a layout does not show.
#include <farro/kernels/reduce/digest.op.h>

#include <farro/autograd/call/call.h>
#include <farro/core/tensor/number.h>
#include <farro/kernels/reduce/digest.h>

#include <algorithm>
#include <vector>

namespace farro {

TensorSpec TensorDigest::infer(const Args& args) {
  const auto first =
      std::find_if(args.tensors.begin(), args.tensors.end(), [](const Tensor& t) { return t.defined(); });
  FARRO_CHECK(first != args.tensors.end(), ValueError, "digest: tensors must hold a defined tensor, got none among ",
              args.tensors.size());
  return TensorSpec({}, DType::i64, first->device());
}
Cost TensorDigest::cost(const Args& args) {
  double bytes = sizeof(int64_t);  // the result
  for (const Tensor& tensor : args.tensors)
    if (tensor.defined()) bytes += static_cast<double>(tensor.nbytes());
  return {0, bytes};
}

void register_digest();
void register_digest() { register_op<TensorDigest>(); }

Tensor digest(TensorList tensors) {
  const auto contiguous = [](const Tensor& t) { return !t.defined() || t.is_contiguous(); };
  if (std::all_of(tensors.begin(), tensors.end(), contiguous)) return call<TensorDigest>({tensors});
  std::vector<Tensor> dense;
  for (const Tensor& tensor : tensors) dense.push_back(tensor.defined() ? tensor.detach().contiguous() : tensor);
  return call<TensorDigest>({dense});
}

std::string digest_text(const Tensor& digest) {
  check_defined("digest_text", "digest", digest);
  FARRO_CHECK(digest.dtype() == DType::i64 && digest.numel() == 1, ValueError,
              "digest_text: digest must be one i64, got ", digest);
  const auto value = static_cast<uint64_t>(digest.item<int64_t>());
  constexpr char digits[] = "0123456789abcdef";
  std::string out(16, '0');
  for (size_t i = 0; i < 16; ++i) out[15 - i] = digits[value >> (4 * i) & 15];
  return out;
}

}  // namespace farro
