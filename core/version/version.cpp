// SPDX-License-Identifier: Apache-2.0
// The version that libfarro was built as.
#include <farro/version.h>

namespace farro {

const char* version() noexcept { return FARRO_VERSION; }

}  // namespace farro
