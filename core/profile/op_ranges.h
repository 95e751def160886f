// SPDX-License-Identifier: Apache-2.0
// Connects the profile with the ops: while a profile runs, every call<Op>() is a range with its arguments, variant and
// cost. Used by start_profile() and stop_profile().
#pragma once

namespace farro::detail {

void listen_to_ops();
void stop_listening_to_ops() noexcept;

}  // namespace farro::detail
