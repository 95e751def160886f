// SPDX-License-Identifier: Apache-2.0
// IDX files, the format of MNIST and its relatives (yann.lecun.com/exdb/mnist): unsigned bytes with up to 8 sizes.
// Called by the datasets and by programs that bring such files.
#pragma once

#include <farro/core/api.h>
#include <farro/core/tensor/tensor.h>

#include <cstdint>
#include <string>

namespace farro::data {

// A u8 CPU tensor of `dims` dimensions, 3 for images [N, H, W] and 1 for labels [N]. The file may be gzip-compressed.
// io::FileError in one line that says what was wrong, expected and found: bad_magic, bad_shape (the sizes' product
// leaves 63 bits), truncated, trailing_bytes, too_large above `max_bytes` decompressed, and those of gzip.
// ValueError unless 1 <= dims <= 8.
FARRO_API Tensor read_idx(const std::string& path, int dims, uint64_t max_bytes = uint64_t{1} << 32);

}  // namespace farro::data
