// SPDX-License-Identifier: Apache-2.0
// Runs of elements from any dtype to the compute types f32, f64 and i64, and back: the table through which elementwise
// kernels, which know three types only, read and write all the others.
#include <farro/kernels/cpu/convert.h>

#include <farro/core/dtype/visit.h>

#include <cmath>
#include <limits>

namespace farro::FARRO_ISA {

namespace {

// A floating value outside the integer's range has no defined conversion in C++; here it saturates, and NaN gives 0.
template <class To, class From>
inline To to_integer(From value) {
  constexpr double low = static_cast<double>(std::numeric_limits<To>::min());
  constexpr double high = -low;  // one past the largest, exact; unsigned types go through int64
  if (!(static_cast<double>(value) >= low)) return std::isnan(value) ? To{0} : std::numeric_limits<To>::min();
  if (static_cast<double>(value) >= high) return std::numeric_limits<To>::max();
  return static_cast<To>(value);
}

template <class To, class From>
inline To convert(From value) {
  if constexpr (std::is_same_v<To, bool>) {
    // NaN is not 0: it converts to true, as in C++ and PyTorch.
    return value != From{0};
  } else if constexpr (std::is_same_v<To, half> || std::is_same_v<To, bfloat16>) {
    // Through f32 in both directions: double to half is rounded twice, f32 being the compute type of halves.
    return To(static_cast<float>(value));
  } else if constexpr (std::is_same_v<From, half> || std::is_same_v<From, bfloat16>) {
    return convert<To>(static_cast<float>(value));
  } else if constexpr (std::is_integral_v<To> && std::is_floating_point_v<From>) {
    return static_cast<To>(to_integer<int64_t>(value));  // narrower integers wrap, as from any integer
  } else {
    return static_cast<To>(value);
  }
}

template <class From, class To>
void load(void* dst, const void* src, int64_t stride, int64_t n) {
  To* out = static_cast<To*>(dst);
  const From* in = static_cast<const From*>(src);
  if (stride == 1) {
#pragma GCC ivdep
    for (int64_t i = 0; i < n; ++i) out[i] = convert<To>(in[i]);
  } else {
    for (int64_t i = 0; i < n; ++i) out[i] = convert<To>(in[i * stride]);
  }
}

template <class From, class To>
void store(void* dst, int64_t stride, const void* src, int64_t n) {
  To* out = static_cast<To*>(dst);
  const From* in = static_cast<const From*>(src);
  if (stride == 1) {
#pragma GCC ivdep
    for (int64_t i = 0; i < n; ++i) out[i] = convert<To>(in[i]);
  } else {
    for (int64_t i = 0; i < n; ++i) out[i * stride] = convert<To>(in[i]);
  }
}

template <class Compute>
void fill(ConvertTable& table, DType compute) {
  // Every dtype meets each of the three compute types in both directions: 60 loops, made here by templates.
  const int index = compute_index(compute);
  for (int d = 0; d < kNumDTypes; ++d)
    visit_dtype(static_cast<DType>(d), [&](auto tag) {
      using T = typename decltype(tag)::type;
      table.load[d][index] = &load<T, Compute>;
      table.store[index][d] = &store<Compute, T>;
    });
}

}  // namespace

void register_convert_cpu();
void register_convert_cpu() {
  static ConvertTable table;
  fill<float>(table, DType::f32);
  fill<double>(table, DType::f64);
  fill<int64_t>(table, DType::i64);
  loops<ConvertTable> = &table;
}

}  // namespace farro::FARRO_ISA
