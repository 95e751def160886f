// SPDX-License-Identifier: Apache-2.0
// Versions of the libraries behind the CPU backend, for `farro doctor` and reports.
#pragma once

#include <farro/core/api.h>

#include <string>

namespace farro {

struct CpuLibraryVersions {
  std::string onednn;  // "2.6.3"
};
FARRO_API CpuLibraryVersions cpu_library_versions();

}  // namespace farro
