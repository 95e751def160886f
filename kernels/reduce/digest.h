// SPDX-License-Identifier: Apache-2.0
// A digest of tensors: 64 bits by which a test or a run sees that two computations gave the same bits.
#pragma once

#include <farro/core/api.h>
#include <farro/core/tensor/tensor.h>

#include <string>

namespace farro {

// 0-dim i64 on the tensors' device, of all of them in order: dtypes, shapes and elements in row-major order, bit by bit
// (-0 differs from 0). An undefined tensor counts as such. The same on every device, for any number of threads and any
// layout, on machines of one byte order. Not cryptographic: a change of one element always changes it, others do with
// probability 1 - 2^-64. ValueError where no tensor is defined.
FARRO_API Tensor digest(TensorList tensors);

// 16 hexadecimal digits; waits for the device. ValueError unless `digest` is one i64.
FARRO_API std::string digest_text(const Tensor& digest);

}  // namespace farro
