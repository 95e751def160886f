// SPDX-License-Identifier: Apache-2.0
// Memory between pages that nobody may touch, for tensors whose neighbourhood must not be read.
#pragma once

#include <cstddef>

namespace farro::hostile {

// At least `bytes` bytes that end (or begin) exactly at a page without access; null where that is more than a block
// holds or all blocks are taken. Blocks are mapped once and used again.
void* guarded_allocate(size_t bytes, bool guard_behind);
void guarded_free(void* data) noexcept;

}  // namespace farro::hostile
