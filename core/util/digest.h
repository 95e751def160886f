// SPDX-License-Identifier: Apache-2.0
// The run digest: a cheap 64-bit hash of tensors and numbers. Training programs write one per step (of the loss, the
// gradients and the parameters), so that two runs, or a resumed one, can be compared to the first step where they part.
#pragma once

#include <farro/core/api.h>
#include <farro/core/tensor/tensor.h>

#include <cstdint>
#include <string>

namespace farro {

// Equal sequences of add() give equal values, on every machine of the same byte order. Not cryptographic.
class FARRO_API Digest {
 public:
  // Elements in row-major order with dtype and shape, bit by bit: -0 differs from 0. Tensors on a device are copied to
  // the host; an undefined tensor counts as itself.
  void add(const Tensor& tensor);
  void add(double value);
  void add(uint64_t value) noexcept;

  uint64_t value() const noexcept { return state_; }
  // 16 hexadecimal digits.
  std::string text() const;

 private:
  uint64_t state_ = 0x9ae16a3b2f90404fu;
};

}  // namespace farro
