// SPDX-License-Identifier: Apache-2.0
// Sizes of a layer's window: one number for all spatial dimensions, or one for each.
#pragma once

#include <farro/core/tensor/dims.h>

#include <concepts>

namespace farro::nn {

struct Extents : Dims {
  constexpr Extents() noexcept = default;
  constexpr Extents(std::integral auto every) : Dims{static_cast<int64_t>(every)} {}
  constexpr Extents(std::initializer_list<int64_t> each) : Dims(each) {}

  // `rank` numbers, whichever way it was given; ValueError (naming `what`) where another number of them was.
  Dims expand(const char* what, int rank) const {
    FARRO_CHECK(size() == 1 || size() == rank, ValueError, what, " must have 1 or ", rank, " entries, got ",
                static_cast<const Dims&>(*this));
    return size() == rank ? Dims(*this) : Dims::filled(rank, (*this)[0]);
  }
};

}  // namespace farro::nn
