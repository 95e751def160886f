// SPDX-License-Identifier: Apache-2.0
// Conversion of runs of values between any dtype and the three compute types. The loops are built per instruction set
// (convert.cpu.cpp) and reached through this table.
#pragma once

#include <farro/core/dtype/dtype.h>
#include <farro/kernels/cpu/loops.h>

#include <cstdint>

namespace farro {

// n values from src (stride in elements) to dst, dense.
using LoadFn = void (*)(void* dst, const void* src, int64_t src_stride, int64_t n);
// n dense values to dst (stride in elements).
using StoreFn = void (*)(void* dst, int64_t dst_stride, const void* src, int64_t n);

struct ConvertTable {
  LoadFn load[kNumDTypes][3];    // [dtype][compute type]
  StoreFn store[3][kNumDTypes];  // [compute type][dtype]
};

constexpr int compute_index(DType compute) noexcept {
  return compute == DType::f32 ? 0 : compute == DType::f64 ? 1 : 2;
}
inline LoadFn load_fn(DType from, DType compute) noexcept {
  return loops<ConvertTable>->load[static_cast<int>(from)][compute_index(compute)];
}
inline StoreFn store_fn(DType compute, DType to) noexcept {
  return loops<ConvertTable>->store[compute_index(compute)][static_cast<int>(to)];
}

}  // namespace farro
