// SPDX-License-Identifier: Apache-2.0
// The matrix product under every CPU op that multiplies matrices: matmul and linear here, convolution and attention
// elsewhere. Operands are given by strides, so that transposes and views need no copy.
#pragma once

#include <farro/core/op/ctx.h>

#include <cstdint>

namespace farro {

// c = a x b (+ bias for each row). Strides count elements and may be any; c's columns are dense.
struct Gemm {
  int64_t m, n, k;
  const void* a;
  int64_t a_row, a_col;
  const void* b;
  int64_t b_row, b_col;
  void* c;
  int64_t c_row;
  const void* bias = nullptr;  // n dense values
};

// Runs on several threads unless called inside parallel_for; the result does not depend on how many.
void run_gemm(Ctx& ctx, DType dtype, const Gemm& gemm);

}  // namespace farro
