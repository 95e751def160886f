// SPDX-License-Identifier: Apache-2.0
// row_dot on the CPU: each row by one thread, so that no sum depends on their number.
#include <farro/core/op/op_table.h>
#include <farro/core/parallel/parallel.h>
#include <farro/kernels/matmul/row_dot.op.h>
#include <farro/kernels/pointwise/host_driver.h>

#include <algorithm>

namespace farro::FARRO_ISA {

namespace {

// Independent sums, so that the loop vectorises and an addition need not wait for the one before.
constexpr int64_t kLanes = 16;

template <class T>
double dot(const T* a, const T* b, int64_t n) {
  double lanes[kLanes] = {}, sum = 0;
  int64_t j = 0;
  for (; j + kLanes <= n; j += kLanes)
    for (int64_t l = 0; l < kLanes; ++l) lanes[l] += static_cast<double>(a[j + l]) * static_cast<double>(b[j + l]);
  for (const double lane : lanes) sum += lane;
  for (; j < n; ++j) sum += static_cast<double>(a[j]) * static_cast<double>(b[j]);
  return sum;
}

template <class T>
void dot_rows(const Tensor& a, const Tensor& b, const Tensor& out) {
  const int64_t rows = a.size(0), n = a.size(1);
  // What is worth waking a thread for, in rows.
  parallel_for(rows, std::max<int64_t>(kPointwiseGrain / std::max<int64_t>(n, 1), 1), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      data_of<T>(out)[i] = static_cast<T>(dot(data_of<T>(a) + i * n, data_of<T>(b) + i * n, n));
  });
}

void row_dot_kernel(Ctx& ctx, const RowDot::Args& args, Outputs<RowDot>& out) {
  // f32 or f64: copies of half types, and of what is not dense.
  const DType type = compute_type(args.a.dtype());
  const Tensor a = ctx.dense(args.a, MemoryFormat::contiguous, type);
  const Tensor b = ctx.dense(args.b, MemoryFormat::contiguous, type);
  const Tensor result = ctx.result(out[0], MemoryFormat::contiguous, type);
  (type == DType::f64 ? &dot_rows<double> : &dot_rows<float>)(a, b, result);
}

}  // namespace

void register_row_dot_cpu();
void register_row_dot_cpu() { register_kernel<RowDot>(DeviceType::cpu, &row_dot_kernel); }

}  // namespace farro::FARRO_ISA
