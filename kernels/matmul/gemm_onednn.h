// SPDX-License-Identifier: Apache-2.0
// Products of bf16 matrices through oneDNN, for processors with bf16 instructions.
#pragma once

#include <farro/kernels/matmul/gemm.h>

namespace farro {

// run_gemm() for bf16. Sums are kept in f32 and rounded once; the result does not depend on the number of threads.
void onednn_gemm(Ctx& ctx, DType dtype, const Gemm& gemm);

}  // namespace farro
