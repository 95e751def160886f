// SPDX-License-Identifier: Apache-2.0
// The bounds within which Winograd's convolution is faster than the direct form and its error at most twice as large,
// from measurements (docs/performance.md).
#include <farro/kernels/conv/conv_winograd.h>

#include <farro/kernels/cpu/isa.h>

namespace farro {

namespace {

constexpr int64_t kLeastChannels = 32;

// oneDNN's direct form for AVX2 sums in another order than that for AVX-512 and is closer to the exact sums: beside it
// 64 terms have 2.2 to 2.6 times the error.
int64_t least_terms() { return cpu_isa() == CpuIsa::avx512 ? 64 : 96; }

// Two spatial dimensions and 3 x 3 taps side by side.
bool has_form(DType dtype, const ConvShape& s) {
  if (dtype != DType::f32 || s.groups != 1 || s.batch == 0 || s.out_pixels() == 0) return false;
  if (s.in[0] != 1 || s.kernel[0] != 1 || s.out[0] != 1 || s.pad[0] != 0) return false;
  for (int d = 1; d < 3; ++d)
    if (s.kernel[d] != 3 || s.stride[d] != 1 || s.dilation[d] != 1) return false;
  return true;
}

Checked tiles_of(const ConvShape& s, const int64_t* sizes, int64_t tile) {
  return Checked(s.batch) * ((sizes[1] + tile - 1) / tile) * ((sizes[2] + tile - 1) / tile);
}

// `sizes` of the results, each a sum over `terms` channels: the fewer those are, the more the rounding of the
// transforms shows beside that of the sum.
bool pays(const ConvShape& s, const int64_t* sizes, int64_t terms, int64_t channels) {
  if (terms < least_terms() || channels < kLeastChannels) return false;
  // 36 products for each tile, and the filter's transform takes the time of those for 8 tiles; 9 for each result.
  const Checked results = Checked(s.batch) * sizes[1] * sizes[2];
  return results.ok() && ((tiles_of(s, sizes, 4) + 8) * 4).at_most(results.value());
}

}  // namespace

bool winograd_pays(DType dtype, const ConvShape& s) {
  return has_form(dtype, s) && pays(s, s.out, s.in_channels, s.out_channels);
}

bool winograd_pays_backward_data(DType dtype, const ConvShape& s) {
  return has_form(dtype, s) && pays(s, s.in, s.out_channels, s.in_channels);
}

bool winograd_pays_backward_filter(DType dtype, const ConvShape& s) {
  // Direct sums over fewer results are short, and their errors small.
  constexpr int64_t kLeastTiles = 64;
  if (!has_form(dtype, s) || s.in_channels < kLeastChannels || s.out_channels < kLeastChannels) return false;
  return !tiles_of(s, s.out, 2).at_most(kLeastTiles - 1);
}

}  // namespace farro
