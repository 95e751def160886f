// SPDX-License-Identifier: Apache-2.0
// Which input positions each pooling window covers, as tables per axis: the kernels (pool.cpu.cpp) are loops over them
// and know nothing of strides, padding or adaptive windows. The invariant: begin[o] <= tap < end[o] lies inside the
// input.
#pragma once

#include <farro/core/api.h>
#include <farro/core/dtype/dtype.h>
#include <farro/kernels/cpu/loops.h>
#include <farro/kernels/pool/pool.op.h>

namespace farro {

// Output position o takes the inputs origin[o] + tap * step for tap in [begin[o], end[o]).
struct PoolAxis {
  int64_t in = 1, out = 1;
  int64_t window = 1;  // taps of the largest window
  int64_t step = 1;
  const int32_t *origin = nullptr, *begin = nullptr, *end = nullptr;
  const int32_t* divisor = nullptr;  // of a mean over this axis
  // The same seen from the input: position i is tap cover_tap[j] of output cover_out[j], for j in
  // [cover_at[i], cover_at[i + 1]).
  const int32_t *cover_at = nullptr, *cover_out = nullptr, *cover_tap = nullptr;
};

class PoolWindows {
 public:
  // `x_sizes` is [N, C, spatial...].
  PoolWindows(const Shape& x_sizes, const PoolParams& params);
  PoolWindows(const PoolWindows&) = delete;
  PoolWindows& operator=(const PoolWindows&) = delete;

  const PoolAxis& axis(int d) const noexcept { return axes_[d]; }

 private:
  Tensor tables_[3];  // i32
  PoolAxis axes_[3];
};

// Elements of the largest window; INT64_MAX beyond that.
FARRO_API int64_t pool_window_size(const Shape& x_sizes, const PoolParams& params);

// Memory seen as [outer, in0, in1, in2, inner]: channels-last has inner = C, row-major inner = 1.
struct PoolCall {
  DType dtype;
  DType index_dtype;
  int64_t outer, inner;
  PoolAxis axis[3];
};

struct PoolLoops {
  void (*max_forward)(const PoolCall& call, const void* x, void* out, void* indices);
  void (*max_backward)(const PoolCall& call, const void* grad, const void* indices, void* grad_x);
  void (*max_gather)(const PoolCall& call, const void* x, const void* indices, void* out);
  void (*avg_forward)(const PoolCall& call, const void* x, void* out);
  void (*avg_backward)(const PoolCall& call, const void* grad, void* grad_x);
};

}  // namespace farro
