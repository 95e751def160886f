// SPDX-License-Identifier: Apache-2.0
// The one loop nest of every elementwise CPU op. It broadcasts, merges dimensions, splits over threads and converts
// dtypes; an op brings only a loop over a short run of values in a compute type (f32, f64 or i64; other dtypes are
// converted in blocks on the way in and out, which keeps it to three instantiations an op).
#pragma once

#include <farro/core/tensor/tensor.h>

#include <cstdint>

namespace farro {

inline constexpr int kMaxPointwiseInputs = 4;

// n values: in[k] points to n values of the compute type, or to a single one where scalar[k]. `out` may equal an in[k].
// `functor` is the op's function object.
using PointwiseLoop = void (*)(void* out, const void* const* in, const bool* scalar, int64_t n, const void* functor);

struct PointwiseCall {
  PointwiseLoop loop;
  const void* functor;
  DType compute;  // f32, f64 or i64: what the inputs are converted to
  DType result;   // what the loop writes: the compute type, or boolean
};

// Writes out[i] = f(in_0[i], ...), with the inputs broadcast to out's shape and the result converted to out's dtype.
// Inputs may be `out` itself but must not overlap it otherwise.
void run_pointwise(const Tensor& out, std::span<const Tensor* const> inputs, const PointwiseCall& call);

// The compute type for values of a dtype.
constexpr DType compute_type(DType dtype) noexcept {
  return dtype == DType::f64 ? DType::f64 : is_floating(dtype) ? DType::f32 : DType::i64;
}

// Elements below which one thread does the work: waking a second costs about as much as 16 K additions.
inline constexpr int64_t kPointwiseGrain = 32768;

}  // namespace farro
