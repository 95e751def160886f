// SPDX-License-Identifier: Apache-2.0
// The CPU kernels of matmul and linear: turn tensors into products of matrices for run_gemm().
#include <farro/core/op/op_table.h>
#include <farro/core/parallel/parallel.h>
#include <farro/kernels/matmul/matmul_products.h>

#include <optional>

namespace farro {

namespace {

// Products above this are split over threads one by one; smaller ones run side by side, each on one thread.
constexpr double kSplitFlops = 2.0 * 256 * 256 * 256;

// Stride of all dimensions but the last taken as one; none where they do not merge.
std::optional<int64_t> row_stride(const TensorImpl& t) {
  int64_t stride = 0, expected = 0;
  bool found = false;
  for (int i = t.sizes.size() - 2; i >= 0; --i) {
    if (t.sizes[i] == 1) continue;
    if (!found)
      stride = t.strides[i];
    else if (t.strides[i] != expected)
      return std::nullopt;
    found = true;
    expected = t.strides[i] * t.sizes[i];
  }
  return stride;
}

int64_t row_count(const Shape& sizes) {
  int64_t rows = 1;
  for (int i = 0; i + 1 < sizes.size(); ++i) rows *= sizes[i];
  return rows;
}

// The last two dimensions of the operands; data pointers are those of batch 0.
Gemm matrices_of(const TensorImpl& a, const TensorImpl& b, const Tensor& out) {
  const int ra = a.sizes.size(), rb = b.sizes.size();
  Gemm gemm{};
  gemm.m = a.sizes[ra - 2];
  gemm.k = a.sizes[ra - 1];
  gemm.n = b.sizes[rb - 1];
  gemm.a = static_cast<const char*>(a.storage->data()) + size_t(a.offset) * item_size(a.dtype);
  gemm.a_row = a.strides[ra - 2];
  gemm.a_col = a.strides[ra - 1];
  gemm.b = static_cast<const char*>(b.storage->data()) + size_t(b.offset) * item_size(b.dtype);
  gemm.b_row = b.strides[rb - 2];
  gemm.b_col = b.strides[rb - 1];
  gemm.c = out.raw_data();
  gemm.c_row = gemm.n;
  return gemm;
}

// Elements from batch 0 to batch number `index` of the broadcast batches `batch`.
int64_t batch_offset(const TensorImpl& t, const Shape& out, int64_t index) {
  int64_t offset = 0;
  const int lead = out.size() - t.sizes.size();
  for (int i = out.size() - 3; i >= 0; --i) {
    const int64_t at = index % out[i];
    index /= out[i];
    // Dimensions that broadcast do not move.
    if (i >= lead && t.sizes[i - lead] != 1) offset += at * t.strides[i - lead];
  }
  return offset;
}

}  // namespace

void matmul_products(Ctx& ctx, const Matmul::Args& args, Outputs<Matmul>& outputs, GemmFn gemm_fn) {
  const Tensor& out = outputs[0];
  if (out.numel() == 0) return;
  const TensorImpl &a = *args.a.impl(), &b = *args.b.impl();
  Gemm gemm = matrices_of(a, b, out);
  if (out.dim() == 2) return gemm_fn(ctx, a.dtype, gemm);
  if (b.sizes.size() == 2) {
    if (const auto stride = row_stride(a)) {
      // One matrix for all batches: their rows form one tall product, which is cut better than many small ones.
      gemm.m = row_count(a.sizes);
      gemm.a_row = *stride;
      return gemm_fn(ctx, a.dtype, gemm);
    }
  }
  const Shape& sizes = out.sizes();
  const int64_t batches = out.numel() / (gemm.m * gemm.n);
  const size_t item = item_size(a.dtype);
  const auto run = [&](Ctx& work, int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      Gemm one = gemm;
      one.a = static_cast<const char*>(gemm.a) + batch_offset(a, sizes, i) * static_cast<int64_t>(item);
      one.b = static_cast<const char*>(gemm.b) + batch_offset(b, sizes, i) * static_cast<int64_t>(item);
      one.c = static_cast<char*>(gemm.c) + static_cast<size_t>(i * gemm.m * gemm.n) * item;
      gemm_fn(work, a.dtype, one);
    }
  };
  const double flops = 2.0 * static_cast<double>(gemm.m) * static_cast<double>(gemm.n) * static_cast<double>(gemm.k);
  if (flops > kSplitFlops) return run(ctx, 0, batches);
  // Waking a thread costs about as much as 64 K operations of a product.
  const Ctx::Parts contexts = ctx.parts();
  parallel_for(batches, 1 + static_cast<int64_t>(262144 / (flops + 1)), [&](int64_t begin, int64_t end) {
    Ctx work(contexts);
    run(work, begin, end);
  });
}

void linear_products(Ctx& ctx, const Linear::Args& args, Outputs<Linear>& outputs, GemmFn gemm_fn) {
  const Tensor& out = outputs[0];
  if (out.numel() == 0) return;
  const auto stride = row_stride(*args.x.impl());
  // Rows that do not follow one stride are copied into order.
  const Tensor x = stride ? args.x : ctx.dense(args.x, MemoryFormat::contiguous, args.x.dtype());
  const Tensor bias =
      ctx.dense(args.bias, MemoryFormat::contiguous, args.bias.defined() ? args.bias.dtype() : DType::f32);
  const TensorImpl &weight = *args.weight.impl(), &in = *x.impl();
  Gemm gemm{};
  gemm.m = row_count(in.sizes);
  gemm.k = weight.sizes[1];
  gemm.n = weight.sizes[0];
  gemm.a = x.raw_data();
  gemm.a_row = stride ? *stride : gemm.k;
  gemm.a_col = in.strides.back();
  gemm.b = args.weight.raw_data();
  // The weight [out, in] is read transposed, by its strides.
  gemm.b_row = weight.strides[1];
  gemm.b_col = weight.strides[0];
  gemm.c = out.raw_data();
  gemm.c_row = gemm.n;
  gemm.bias = data_of<void>(bias);
  gemm_fn(ctx, in.dtype, gemm);
}

namespace {
void matmul_cpu(Ctx& ctx, const Matmul::Args& args, Outputs<Matmul>& out) {
  matmul_products(ctx, args, out, &run_gemm);
}
void linear_cpu(Ctx& ctx, const Linear::Args& args, Outputs<Linear>& out) {
  linear_products(ctx, args, out, &run_gemm);
}
}  // namespace

void register_matmul_host();
void register_matmul_host() {
  register_kernel<Matmul>(DeviceType::cpu, &matmul_cpu);
  register_kernel<Linear>(DeviceType::cpu, &linear_cpu);
}

}  // namespace farro
