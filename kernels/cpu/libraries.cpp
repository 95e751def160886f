// SPDX-License-Identifier: Apache-2.0
// Versions of the libraries behind CPU kernels, as they are at run time: a shared library may be newer than the headers
// it was built with.
#include <farro/kernels/cpu/libraries.h>

#include <farro/core/error/error.h>

#include <oneapi/dnnl/dnnl.h>

namespace farro {

CpuLibraryVersions cpu_library_versions() {
  const dnnl_version_t* dnnl = dnnl_version();
  return {str(dnnl->major, ".", dnnl->minor, ".", dnnl->patch)};
}

}  // namespace farro
