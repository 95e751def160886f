// SPDX-License-Identifier: Apache-2.0
#include <farro/kernels/cpu/libraries.h>

#include <farro/core/error/error.h>

#include <oneapi/dnnl/dnnl.h>

namespace farro {

CpuLibraryVersions cpu_library_versions() {
  const dnnl_version_t* dnnl = dnnl_version();
  return {str(dnnl->major, ".", dnnl->minor, ".", dnnl->patch)};
}

}  // namespace farro
