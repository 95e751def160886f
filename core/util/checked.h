// SPDX-License-Identifier: Apache-2.0
// Integers that remember an overflow: sizes made of a user's numbers are computed with these, and asked once in the
// end.
#pragma once

#include <farro/core/error/error.h>

#include <cstdint>
#include <string>

namespace farro {

class Checked {
 public:
  constexpr Checked(int64_t value) noexcept : value_(value) {}
  // Whether every step so far stayed within 64 bits.
  constexpr bool ok() const noexcept { return ok_; }
  // Meaningless unless ok().
  constexpr int64_t value() const noexcept { return value_; }

  friend constexpr Checked operator+(Checked a, Checked b) noexcept {
    a.ok_ = !__builtin_add_overflow(a.value_, b.value_, &a.value_) && a.ok_ && b.ok_;
    return a;
  }
  friend constexpr Checked operator-(Checked a, Checked b) noexcept {
    a.ok_ = !__builtin_sub_overflow(a.value_, b.value_, &a.value_) && a.ok_ && b.ok_;
    return a;
  }
  friend constexpr Checked operator*(Checked a, Checked b) noexcept {
    a.ok_ = !__builtin_mul_overflow(a.value_, b.value_, &a.value_) && a.ok_ && b.ok_;
    return a;
  }
  // False where an overflow hides the value.
  constexpr bool at_most(int64_t limit) const noexcept { return ok_ && value_ <= limit; }
  constexpr bool at_least(int64_t limit) const noexcept { return ok_ && value_ >= limit; }

 private:
  int64_t value_;
  bool ok_ = true;
};

// "2^63 or more" after an overflow.
inline std::string to_string(const Checked& number) { return number.ok() ? str(number.value()) : "2^63 or more"; }

}  // namespace farro
