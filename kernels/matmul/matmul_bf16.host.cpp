// SPDX-License-Identifier: Apache-2.0
// The bf16 variants of matmul and linear; there are none on processors without bf16 instructions.
#include <farro/core/op/op_table.h>
#include <farro/kernels/cpu/onednn.h>
#include <farro/kernels/matmul/gemm_onednn.h>
#include <farro/kernels/matmul/matmul_products.h>

namespace farro {

namespace {

// oneDNN keeps one running f32 sum, and sizes in 32 bits.
bool fits(const Tensor& a, const Tensor& b, int64_t k) {
  constexpr int64_t kMostTerms = 65536, kMostElements = int64_t{1} << 30;
  const auto small = [](const Tensor& t) {
    for (int i = 0; i < t.dim(); ++i)
      if (t.stride(i) > INT32_MAX) return false;
    return t.numel() <= kMostElements;
  };
  return a.dtype() == DType::bf16 && b.dtype() == DType::bf16 && k <= kMostTerms && small(a) && small(b);
}

void matmul_onednn(Ctx& ctx, const Matmul::Args& args, Outputs<Matmul>& out) {
  matmul_products(ctx, args, out, &onednn_gemm);
}
void linear_onednn(Ctx& ctx, const Linear::Args& args, Outputs<Linear>& out) {
  linear_products(ctx, args, out, &onednn_gemm);
}

}  // namespace

void register_matmul_bf16_host();
void register_matmul_bf16_host() {
  if (!onednn_has_bf16()) return;
  constexpr VariantInfo info{.name = "onednn_bf16", .rank = -10};
  register_kernel<Matmul>(DeviceType::cpu, &matmul_onednn, info,
                          [](const Matmul::Args& args) { return fits(args.a, args.b, args.a.size(-1)); });
  register_kernel<Linear>(DeviceType::cpu, &linear_onednn, info,
                          [](const Linear::Args& args) { return fits(args.x, args.weight, args.x.size(-1)); });
}

}  // namespace farro
