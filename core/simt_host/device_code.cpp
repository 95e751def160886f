// SPDX-License-Identifier: Apache-2.0
// Checks of what device code passes to shuffles, whose results are undefined on a GPU where these fail.
#include <farro/core/simt_host/device_code.h>
#include <farro/core/simt_host/failure.h>

namespace farro::simt_host::detail {

void check_shuffle_arguments(const char* name, int lane_or_delta, int width, Place where) {
  // CUDA asks for a power of 2; with another one a GPU gives some value.
  if (width < 1 || width > kWarpSize || (width & (width - 1)) != 0)
    raise(cudaErrorLaunchFailure, name, ": width must be a power of two up to 32, got ", width, " at ", where);
  if (lane_or_delta < 0 || lane_or_delta >= width)
    raise(cudaErrorLaunchFailure, name, ": lane must lie in [0, ", width, "), got ", lane_or_delta, " at ", where);
}

}  // namespace farro::simt_host::detail
