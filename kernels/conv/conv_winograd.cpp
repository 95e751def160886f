// SPDX-License-Identifier: Apache-2.0
// The bounds within which Winograd's convolution is faster than the direct form, from measurements.
#include <farro/kernels/conv/conv_winograd.h>

namespace farro {

bool winograd_pays(DType dtype, const ConvShape& s) {
  if (dtype != DType::f32 || s.groups != 1) return false;
  if (s.in[0] != 1 || s.kernel[0] != 1 || s.out[0] != 1 || s.pad[0] != 0) return false;
  for (int d = 1; d < 3; ++d)
    if (s.kernel[d] != 3 || s.stride[d] != 1 || s.dilation[d] != 1) return false;
  return s.in_channels >= 16 && s.out_channels >= 16 && s.batch > 0 && s.out_pixels() > 0;
}

}  // namespace farro
