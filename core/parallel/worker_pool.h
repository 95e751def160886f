// SPDX-License-Identifier: Apache-2.0
// The threads behind parallel_for. The invariants: a thread that calls run() never waits for a worker that has not
// begun, so it is done no later than alone but for the work that a worker holds when it is taken off its processor; and
// nobody spins on a processor that another process wants.
#pragma once

#include <cstdint>

namespace farro::worker_pool {

using RangeFn = void (*)(void* context, int64_t begin, int64_t end);

// fn on ranges that cover [0, count), on up to `threads` threads, the caller's being one. Rethrows the exception of the
// lowest range that threw.
void run(int threads, int64_t count, int64_t grain, RangeFn fn, void* context);

// Whether the calling thread is inside a range of run().
bool inside() noexcept;

}  // namespace farro::worker_pool
