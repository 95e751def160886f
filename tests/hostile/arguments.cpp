// SPDX-License-Identifier: Apache-2.0
// Arguments that a caller should not pass: extreme numbers, and tensors of every odd shape, dtype and layout.
#include "arguments.h"

#include "guarded.h"

#include <farro/core/dtype/visit.h>

#include <cmath>
#include <limits>

namespace farro::hostile {

namespace {

constexpr int64_t kIntegers[] = {0,
                                 -1,
                                 INT64_MIN,
                                 INT64_MAX,
                                 INT64_MIN + 1,
                                 INT64_MAX - 1,
                                 1LL << 31,
                                 1LL << 62,
                                 (1LL << 31) - 1,
                                 -(1LL << 31),
                                 1LL << 32,
                                 1LL << 40,
                                 1LL << 61,
                                 -(1LL << 62),
                                 255,
                                 256,
                                 65,
                                 100};
constexpr double kReals[] = {
    0, -0.0, -1, NAN, INFINITY, -INFINITY, 1e308, -1e308, 5e-324, 1e-40, 9223372036854775808.0, 1e19, 1.5};
constexpr DType kDTypes[] = {DType::f32, DType::f64, DType::f16, DType::bf16,
                             DType::i64, DType::i32, DType::u8,  DType::boolean};

template <class T, size_t N>
const T& one_of(Draw& d, const T (&values)[N]) {
  return values[d.below(N)];
}

// Bits of any value; what a bool holds is 0 or 1.
void fill(Draw& d, void* data, int64_t elements, DType dtype) {
  const bool wild = d.hostile();
  visit_dtype(dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    T* to = static_cast<T*>(data);
    for (int64_t i = 0; i < elements; ++i) {
      const int64_t small = d.below(wild ? 7 : 3) - (wild ? 2 : 0);
      if constexpr (std::is_same_v<T, bool>) {
        to[i] = small > 0;
      } else if constexpr (std::is_integral_v<T>) {
        to[i] = static_cast<T>(wild && d.chance(0.1) ? one_of(d, kIntegers) : small);
      } else {
        to[i] = T(static_cast<float>(wild && d.chance(0.1) ? one_of(d, kReals) : double(small) + 0.25));
      }
    }
  });
}

}  // namespace

Draw::Draw(uint64_t seed) : random_(seed) {
  constexpr double levels[] = {0, 0.03, 0.1, 0.4};
  hostility_ = levels[below(4)];
  const int64_t rank = chance(0.15) ? below(9) : 1 + below(5);
  for (int64_t i = 0; i < rank; ++i) common_.push_back(chance(0.5) ? 3 : 1 + below(4));
  if (chance(0.05) && rank > 0) common_[static_cast<int>(below(rank))] = 0;
  common_dtype_ = chance(0.7) ? DType::f32 : one_of(*this, kDTypes);
}

int64_t Draw::integer() {
  const int64_t value = hostile() ? one_of(*this, kIntegers) : chance(0.8) ? 1 + below(3) : below(7) - 2;
  note(str(value));
  return value;
}

double Draw::real() {
  const double value = hostile() ? one_of(*this, kReals) : 0.25 * static_cast<double>(below(5));
  note(str(value));
  return value;
}

DType Draw::dtype() {
  const DType value = chance(0.8) ? common_dtype_ : one_of(*this, kDTypes);
  return value;
}

Dims Draw::dims() {
  const int64_t spatial = std::max(common_.size() - 2, 1);
  const int64_t count = hostile() ? below(9) : chance(0.4) ? 0 : chance(0.5) ? 1 : spatial;
  Dims out;
  for (int64_t i = 0; i < count; ++i)
    out.push_back(hostile() ? one_of(*this, kIntegers) : chance(0.8) ? 1 + below(2) : below(5) - 1);
  note(str(out));
  return out;
}

Shape Draw::shape() {
  Shape sizes = common_;
  if (chance(0.3) && !sizes.empty()) sizes[static_cast<int>(below(sizes.size()))] = 1 + below(4);
  if (chance(0.1) && !sizes.empty()) sizes.erase(static_cast<int>(below(sizes.size())));
  if (chance(0.05)) sizes = {};
  if (chance(0.15)) {
    sizes = {};
    for (int64_t i = 0, rank = below(4); i < rank; ++i) sizes.push_back(1 + below(4));
  }
  if (chance(0.03) && sizes.size() > 1) {  // nothing, in 2^40 rows
    const int at = static_cast<int>(below(sizes.size() - 1));
    sizes[at] = chance(0.5) ? 0 : int64_t{1} << 40;
    sizes[at + 1] = sizes[at] ? 0 : int64_t{1} << 40;
  }
  if (hostile()) {
    sizes = {};
    for (int64_t i = 0, rank = below(9); i < rank; ++i)
      sizes.push_back(hostile() ? one_of(*this, kIntegers) : below(3));
  }
  return sizes;
}

// Over memory between guards.
Tensor Draw::fresh(const Shape& sizes, DType dtype) { return disguised(sizes, dtype); }

Tensor Draw::disguised(const Shape& sizes, DType dtype) {
  Strides strides = contiguous_strides(sizes);
  const int rank = sizes.size();
  if (chance(0.4) && rank > 0) {
    const int a = static_cast<int>(below(rank));
    switch (below(5)) {
      case 0:  // another order of dimensions
        strides = channels_last_strides(sizes);
        break;
      case 1: {  // transposed
        Shape swapped = sizes;
        const int b = static_cast<int>(below(rank));
        std::swap(swapped[a], swapped[b]);
        strides = contiguous_strides(swapped);
        std::swap(strides[a], strides[b]);
        break;
      }
      case 2:  // expanded
        strides[a] = 0;
        break;
      case 3:  // gaps
        for (int i = 0; i <= a; ++i) strides[i] *= 2;
        break;
      default:  // elements that lie on each other
        strides[a] = 1;
    }
  }
  const int64_t elements = reach(sizes, strides);
  const size_t bytes = static_cast<size_t>(elements) * item_size(dtype);
  void* data = guarded_allocate(bytes, chance(0.6));
  if (!data) return zeros(sizes, {.dtype = dtype});
  fill(*this, data, elements, dtype);
  return from_blob(data, sizes, strides, {.dtype = dtype, .device = Device::cpu()}, [data] { guarded_free(data); });
}

Tensor Draw::tensor(const Shape& sizes, DType dtype) {
  Tensor out;
  int64_t numel = 1;
  bool possible = true;
  for (int64_t size : sizes) {
    possible = possible && size >= 0 && !__builtin_mul_overflow(numel, std::max<int64_t>(size, 1), &numel);
    if (size == 0) continue;
  }
  if (!possible) {
    out = fresh(common_, dtype);
  } else if (numel <= 4096) {
    out = fresh(sizes, dtype);
  } else if (checked_numel("hostile", sizes) == 0) {
    out = empty(sizes, {.dtype = dtype, .device = Device::cpu()});
  } else {
    out = fresh(common_, dtype);
  }
  if (out.dim() == 0) {
    given_scalar_ = true;
    if (given_meta_) out = fresh({1}, dtype);
  }
  if (is_floating(out.dtype()) && chance(0.3)) out.set_requires_grad();
  return out;
}

Tensor Draw::tensor() {
  Tensor out;
  if (hostile() && chance(0.2)) {
    note("undefined");
    return out;
  }
  if (!given.empty() && chance(0.06)) {
    out = given[static_cast<size_t>(below(static_cast<int64_t>(given.size())))];
    note("the same again");
    return out;
  }
  if (hostile() && chance(0.1) && !given_scalar_) {
    out = empty(common_, {.dtype = dtype(), .device = Device::meta()});
    given_meta_ = true;
  } else {
    out = tensor(shape(), dtype());
  }
  note(str(out, " strides ", out.strides(), out.requires_grad() ? " with gradient" : ""));
  given.push_back(out);
  return out;
}

std::vector<Tensor> Draw::tensors() {
  std::vector<Tensor> out;
  const int64_t count = hostile() ? below(70) : 1 + below(3);
  const Shape sizes = shape();
  const DType type = dtype();
  note(str("list of ", count));
  for (int64_t i = 0; i < count; ++i) {
    if (hostile()) {
      out.push_back(tensor());
    } else {
      out.push_back(tensor(sizes, type));
      note(str(out.back()));
    }
  }
  return out;
}

TensorOptions Draw::options() {
  TensorOptions out{.dtype = dtype(), .device = Device::cpu(), .requires_grad = chance(0.1)};
  if (hostile()) out.device = Device::meta();
  note(str(*out.dtype, " ", *out.device));
  return out;
}

ConvOptions Argument<ConvOptions>::draw(Draw& d) {
  ConvOptions out{.stride = d.dims(), .padding = d.dims(), .dilation = d.dims(), .same_padding = d.hostile()};
  if (d.chance(0.2)) out.groups = d.integer();
  return out;
}
ConvTransposeOptions Argument<ConvTransposeOptions>::draw(Draw& d) {
  ConvTransposeOptions out{.stride = d.dims(), .padding = d.dims(), .output_padding = d.dims(), .dilation = d.dims()};
  if (d.chance(0.2)) out.groups = d.integer();
  return out;
}
PoolOptions Argument<PoolOptions>::draw(Draw& d) {
  PoolOptions out{.kernel_size = d.dims(), .stride = d.dims(), .padding = d.hostile() ? d.dims() : Dims{}};
  if (out.kernel_size.empty()) out.kernel_size = {2};
  if (d.chance(0.4)) out.dilation = d.dims();
  out.ceil_mode = d.chance(0.5);
  out.count_include_pad = d.chance(0.5);
  return out;
}
CrossEntropyOptions Argument<CrossEntropyOptions>::draw(Draw& d) {
  CrossEntropyOptions out{.reduction = static_cast<Reduction>(d.below(3))};
  if (d.chance(0.3)) out.ignore_index = d.integer();
  if (d.chance(0.3)) out.label_smoothing = d.real();
  if (d.chance(0.3)) out.weight = d.tensor();
  return out;
}
NllLossOptions Argument<NllLossOptions>::draw(Draw& d) {
  NllLossOptions out{.reduction = static_cast<Reduction>(d.below(3))};
  if (d.chance(0.3)) out.ignore_index = d.integer();
  if (d.chance(0.3)) out.weight = d.tensor();
  return out;
}
EmbeddingOptions Argument<EmbeddingOptions>::draw(Draw& d) { return {.padding_idx = d.integer()}; }
AttentionOptions Argument<AttentionOptions>::draw(Draw& d) {
  AttentionOptions out{.causal = d.chance(0.3)};
  if (d.chance(0.3)) out.mask = d.tensor();
  if (d.chance(0.3)) out.scale = d.real();
  if (d.chance(0.3)) out.dropout_p = d.real();
  return out;
}
SgdStepOptions Argument<SgdStepOptions>::draw(Draw& d) {
  return {.lr = d.real(),
          .momentum = d.chance(0.5) ? 0 : d.real(),
          .dampening = d.real(),
          .weight_decay = d.real(),
          .nesterov = d.chance(0.3),
          .maximize = d.chance(0.3)};
}
AdamStepOptions Argument<AdamStepOptions>::draw(Draw& d) {
  return {.lr = d.real(),
          .beta1 = d.real(),
          .beta2 = d.real(),
          .eps = d.real(),
          .weight_decay = d.real(),
          .decoupled = d.chance(0.5),
          .maximize = d.chance(0.5),
          .step = d.integer()};
}
TensorIndex Argument<TensorIndex>::draw(Draw& d) {
  const auto bound = [&] { return d.chance(0.5) ? std::optional<int64_t>(d.integer()) : std::nullopt; };
  switch (d.below(6)) {
    case 0: return d.integer();
    case 1: {
      const auto start = bound(), stop = bound(), step = bound();
      return Slice(start, stop, step);
    }
    case 2: return None;
    case 3: return Ellipsis;
    default: {
      if (d.chance(0.2)) return d.tensor();
      const Shape sizes = d.chance(0.5) ? Shape{1 + d.below(3)} : d.shape();
      Tensor index = d.tensor(sizes, d.chance(0.5) ? DType::i64 : DType::boolean);
      d.note(str(index));
      return index;
    }
  }
}

}  // namespace farro::hostile
