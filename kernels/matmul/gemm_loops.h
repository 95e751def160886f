// SPDX-License-Identifier: Apache-2.0
// The single-thread product of matrices, built per instruction set (gemm.cpu.cpp) and reached through this table.
#pragma once

#include <farro/kernels/cpu/loops.h>
#include <farro/kernels/matmul/gemm.h>

#include <cstddef>

namespace farro {

struct GemmLoops {
  // Work memory one call needs, in bytes; `scratch` must be 64-byte aligned.
  size_t (*scratch_f32)(const Gemm& gemm);
  size_t (*scratch_f64)(const Gemm& gemm);
  void (*run_f32)(const Gemm& gemm, void* scratch);
  void (*run_f64)(const Gemm& gemm, void* scratch);
  int64_t tile_rows, tile_columns;  // of f32: where a product is best cut
};

}  // namespace farro
