// SPDX-License-Identifier: Apache-2.0
// Ranges of random numbers whose position lies on the device.
#pragma once

#include <farro/core/api.h>
#include <farro/core/tensor/tensor.h>

namespace farro {

// Adds `blocks` Philox blocks to `offset`, a 0-dim i64 tensor, and gives what it was before: the first of these blocks.
// A recorded call takes the next range in every replay. Generators do this in their capturable form
// (core/random/generator.h). DTypeError unless offset is i64, ShapeError unless it is 0-dim, ValueError where blocks is
// negative.
FARRO_API Tensor reserve_random(Tensor& offset, int64_t blocks);

}  // namespace farro
