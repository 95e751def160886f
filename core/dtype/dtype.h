// SPDX-License-Identifier: Apache-2.0
// Element types, their sizes and names, and PyTorch's promotion rules.
#pragma once

#include <farro/core/api.h>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace farro {

enum class DType : uint8_t { f64, f32, f16, bf16, i64, i32, i16, i8, u8, boolean };
inline constexpr int kNumDTypes = 10;

constexpr size_t item_size(DType dtype) noexcept {
  constexpr uint8_t sizes[kNumDTypes] = {8, 4, 2, 2, 8, 4, 2, 1, 1, 1};
  return sizes[static_cast<int>(dtype)];
}

constexpr bool is_floating(DType dtype) noexcept { return dtype <= DType::bf16; }
constexpr bool is_half(DType dtype) noexcept { return dtype == DType::f16 || dtype == DType::bf16; }
constexpr bool is_integral(DType dtype) noexcept { return dtype >= DType::i64 && dtype <= DType::u8; }

struct half;
struct bfloat16;
// The C++ types of elements: templates over them exist for each of these, and do not compile for any other.
template <class T>
concept ElementType =
    std::same_as<T, double> || std::same_as<T, float> || std::same_as<T, half> || std::same_as<T, bfloat16> ||
    std::same_as<T, int64_t> || std::same_as<T, long long> || std::same_as<T, int32_t> || std::same_as<T, int16_t> ||
    std::same_as<T, int8_t> || std::same_as<T, uint8_t> || std::same_as<T, bool>;

// "f32", "bool", ...
FARRO_API const char* name(DType dtype) noexcept;
FARRO_API std::string to_string(DType dtype);
// The inverse of name(); throws DTypeError that lists the names.
FARRO_API DType parse_dtype(std::string_view text);

// The smallest dtype both can be converted to: the wider category (bool < integer < floating) wins, within a category
// the wider type; u8 with a signed integer gives the next wider signed one; f16 with bf16 gives f32.
FARRO_API DType promote(DType a, DType b) noexcept;

// Dtype of a sum or product of values: integers and bool accumulate and are returned as i64.
constexpr DType sum_dtype(DType dtype) noexcept { return is_floating(dtype) ? dtype : DType::i64; }

// The dtype of factory functions that are given none; f32 at start. Thread-local.
FARRO_API DType default_dtype() noexcept;
// Sets it for the guard's lifetime; throws DTypeError unless floating.
class FARRO_API DefaultDTypeGuard {
 public:
  explicit DefaultDTypeGuard(DType dtype);
  ~DefaultDTypeGuard();
  DefaultDTypeGuard(const DefaultDTypeGuard&) = delete;
  DefaultDTypeGuard& operator=(const DefaultDTypeGuard&) = delete;

 private:
  DType previous_;
};

}  // namespace farro
