// SPDX-License-Identifier: Apache-2.0
// matmul and linear as products of matrices, which one function computes.
#pragma once

#include <farro/kernels/matmul/gemm.h>
#include <farro/kernels/matmul/matmul.op.h>

namespace farro {

using GemmFn = void (*)(Ctx& ctx, DType dtype, const Gemm& gemm);  // run_gemm() or one like it

void matmul_products(Ctx& ctx, const Matmul::Args& args, Outputs<Matmul>& outputs, GemmFn gemm_fn);
void linear_products(Ctx& ctx, const Linear::Args& args, Outputs<Linear>& outputs, GemmFn gemm_fn);

}  // namespace farro
