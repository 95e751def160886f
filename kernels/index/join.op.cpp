#include <farro/kernels/index/join.op.h>

#include <farro/autograd/call/call.h>
#include <farro/core/op/promotion.h>
#include <farro/core/tensor/number.h>
#include <farro/kernels/index/join.h>

#include <algorithm>

namespace farro {

bool Cat::passed_over(const Tensor& tensor) { return tensor.dim() == 1 && tensor.sizes()[0] == 0; }

namespace {
// The tensor that says what the others must look like: the first that is not passed over.
const Tensor& model(TensorList tensors) {
  for (const Tensor& tensor : tensors)
    if (!Cat::passed_over(tensor)) return tensor;
  return tensors[0];
}
}  // namespace

int Cat::along(const Args& args) { return normalize_dim("cat", args.dim, model(args.tensors).dim()); }

TensorSpec Cat::infer(const Args& args) {
  FARRO_CHECK(!args.tensors.empty(), ValueError, "cat: tensors must not be empty, got an empty list");
  const Tensor& like = model(args.tensors);
  FARRO_CHECK(like.dim() > 0, ShapeError, "cat: tensors must have at least one dimension, got ", like,
              "; stack makes a new one");
  const int dim = along(args);
  Shape sizes = like.sizes();
  sizes[dim] = 0;
  for (size_t i = 0; i < args.tensors.size(); ++i) {
    const Tensor& tensor = args.tensors[i];
    if (passed_over(tensor)) continue;
    bool fits = tensor.dim() == sizes.size();
    for (int d = 0; fits && d < sizes.size(); ++d) fits = d == dim || tensor.sizes()[d] == sizes[d];
    FARRO_CHECK(fits, ShapeError, "cat: sizes must agree except in dimension ", dim, ", got ", like.sizes(), " and ",
                tensor.sizes(), " (tensor ", i, ": ", tensor, ")");
    FARRO_CHECK(!__builtin_add_overflow(sizes[dim], tensor.sizes()[dim], &sizes[dim]), ShapeError,
                "cat: the sizes in dimension ", dim, " must add up to less than 2^63 (tensor ", i, ": ", tensor, ")");
  }
  return TensorSpec(sizes, result_type(args.tensors), like.device());
}

Grads Cat::backward(const Back<Cat>& b) {
  Grads result(b.args.tensors.size());
  const int64_t dim = along(b.args);
  int64_t at = 0;
  for (size_t i = 0; i < result.size(); ++i) {
    const Tensor& tensor = b.args.tensors[i];
    if (passed_over(tensor)) continue;
    const int64_t length = tensor.sizes()[static_cast<int>(dim)];
    if (b.need[static_cast<int>(i)]) result[i] = b.grad[0].narrow(dim, at, length);
    at += length;
  }
  return result;
}

Cost Cat::cost(const Args& args) {
  double bytes = 0;
  const double item = static_cast<double>(item_size(result_type(args.tensors)));
  for (const Tensor& tensor : args.tensors)
    bytes += static_cast<double>(tensor.nbytes()) + item * static_cast<double>(tensor.numel());
  return {0, bytes};
}

void register_join();
void register_join() {
  register_op<Cat>();
}

Tensor cat(TensorList tensors, int64_t dim) { return call<Cat>({tensors, dim}); }
Tensor cat(const std::vector<Tensor>& tensors, int64_t dim) { return cat(TensorList(tensors), dim); }

Tensor stack(TensorList tensors, int64_t dim) {
  FARRO_CHECK(!tensors.empty(), ValueError, "stack: tensors must not be empty, got an empty list");
  check_defined("stack", "tensors", tensors);
  FARRO_CHECK(tensors[0].dim() < kMaxDims, ShapeError, "stack: tensors must have at most ", kMaxDims - 1,
              " dimensions, got ", tensors[0]);
  const int at = normalize_dim("stack", dim, tensors[0].dim() + 1);
  std::vector<Tensor> parts;
  parts.reserve(tensors.size());
  for (size_t i = 0; i < tensors.size(); ++i) {
    FARRO_CHECK(tensors[i].sizes() == tensors[0].sizes(), ShapeError, "stack: shapes must be equal, got ",
                tensors[0].sizes(), " and ", tensors[i].sizes(), " (tensor ", i, ": ", tensors[i], ")");
    FARRO_CHECK(tensors[i].device() == tensors[0].device(), DeviceError, "stack: tensors must be on one device, got ",
                tensors[0].device(), " and ", tensors[i].device(), " (tensor ", i, ": ", tensors[i], ")");
    parts.push_back(tensors[i].unsqueeze(at));
  }
  return cat(parts, at);
}
Tensor stack(const std::vector<Tensor>& tensors, int64_t dim) { return stack(TensorList(tensors), dim); }

Tensor repeat(const Tensor& input, const Dims& repeats) {
  check_defined("repeat", "input", input);
  const int lead = repeats.size() - input.dim();
  FARRO_CHECK(lead >= 0, ShapeError, "repeat: repeats must have an entry for each of the ", input.dim(),
              " dimensions, got ", repeats);
  Shape sizes = Dims::filled(lead, 1);
  for (int64_t size : input.sizes()) sizes.push_back(size);
  Shape repeated = sizes;
  for (int d = 0; d < sizes.size(); ++d) {
    FARRO_CHECK(repeats[d] >= 0, ValueError, "repeat: repeats must not be negative, got ", repeats);
    FARRO_CHECK(!__builtin_mul_overflow(sizes[d], repeats[d], &repeated[d]), ShapeError,
                "repeat: sizes must stay below 2^63, got repeats ", repeats, " (input: ", input, ")");
  }
  checked_numel("repeat", repeated);
  Tensor out = input.reshape(sizes);
  // One dimension at a time, from the last on, as [outer, repeats, size * inner]: no new dimension beyond the limit.
  int64_t inner = 1;
  for (int d = repeats.size() - 1; d >= 0; --d) {
    inner *= sizes[d];
    if (repeats[d] == 1) continue;
    const int64_t outer = inner ? out.numel() / inner : 0;
    sizes[d] *= repeats[d];
    out = out.reshape({outer, 1, inner}).expand({outer, repeats[d], inner}).reshape(sizes);
    inner *= repeats[d];
  }
  return out.storage().get() == input.storage().get() ? out.clone() : out;
}

}  // namespace farro
