// SPDX-License-Identifier: Apache-2.0
// Versions of the libraries behind the CPU backend, for `farro doctor` and reports.
#pragma once

#include <string>

namespace farro {

struct CpuLibraryVersions {
  std::string onednn;  // "2.6.3"
};
CpuLibraryVersions cpu_library_versions();

}  // namespace farro
