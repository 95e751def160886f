// SPDX-License-Identifier: Apache-2.0
// A C++ number on its way into a tensor operation. It keeps its kind, because promotion looks at the kind only.
#pragma once

#include <farro/core/api.h>
#include <farro/core/dtype/dtype.h>

#include <concepts>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>

namespace farro {

class FARRO_API Scalar {
 public:
  constexpr Scalar(std::floating_point auto value) noexcept
      : kind_(Kind::floating), real_(value), integer_(truncated(real_)) {}
  constexpr Scalar(bool value) noexcept : kind_(Kind::boolean), real_(value), integer_(value) {}
  template <std::integral T>
    requires(!std::same_as<T, bool>)
  constexpr Scalar(T value) noexcept(std::in_range<int64_t>(std::numeric_limits<T>::max()))
      : kind_(Kind::integer), real_(static_cast<double>(value)), integer_(static_cast<int64_t>(value)) {
    // A literal of 2^63 would otherwise become negative, and no dtype holds it.
    if constexpr (!std::in_range<int64_t>(std::numeric_limits<T>::max()))
      if (!std::in_range<int64_t>(value)) [[unlikely]]
        throw_too_large(value);
  }

  constexpr bool is_floating() const noexcept { return kind_ == Kind::floating; }
  constexpr bool is_bool() const noexcept { return kind_ == Kind::boolean; }
  constexpr double to_double() const noexcept { return real_; }
  // In T, rounded once: an integer does not go through double.
  template <std::floating_point T>
  constexpr T to_real() const noexcept {
    return is_floating() ? static_cast<T>(real_) : static_cast<T>(integer_);
  }
  // Truncates a floating value toward zero; saturates outside int64.
  constexpr int64_t to_int() const noexcept { return integer_; }
  // The dtype it has as a tensor of its own: the default dtype, i64 or bool.
  DType dtype() const noexcept { return is_floating() ? default_dtype() : is_bool() ? DType::boolean : DType::i64; }

 private:
  [[noreturn]] static void throw_too_large(uint64_t value);
  static constexpr int64_t truncated(double value) noexcept {
    if (!(value > -9.2233720368547758e18)) return INT64_MIN;
    return value >= 9.2233720368547758e18 ? INT64_MAX : static_cast<int64_t>(value);
  }
  enum class Kind : uint8_t { floating, integer, boolean };
  Kind kind_;
  // Both forms, made with the scalar: of a literal when it is compiled.
  double real_;
  int64_t integer_;
};

FARRO_API std::string to_string(const Scalar& scalar);

}  // namespace farro
