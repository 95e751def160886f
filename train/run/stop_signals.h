// SPDX-License-Identifier: Apache-2.0
// SIGINT and SIGTERM as a wish to stop: a training loop ends after its step with a checkpoint instead of being killed
// in the middle. The library installs no handler unless a program makes a StopSignals.
#pragma once

#include <farro/core/api.h>

namespace farro::training {

// Notes the first SIGINT or SIGTERM of the process while it lives; a second one of the same kind does what it did
// before. Make it in main(), once: ValueError where another one lives. The destructor puts the earlier handlers back
// and forgets what was noted.
class FARRO_API StopSignals {
 public:
  StopSignals();
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;
};

// The number of the signal that was noted; 0: none. From any thread.
FARRO_API int stop_signal() noexcept;
inline bool stop_requested() noexcept { return stop_signal() != 0; }

}  // namespace farro::training
