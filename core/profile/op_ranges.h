// SPDX-License-Identifier: Apache-2.0
// Connects the profile with the ops: while a profile runs, every call<Op>() is a range with its arguments, variant and
// cost. Used by start_profile() and stop_profile().
#pragma once

#include <farro/core/api.h>

namespace farro::detail {

FARRO_API void listen_to_ops();
FARRO_API void stop_listening_to_ops() noexcept;

}  // namespace farro::detail
