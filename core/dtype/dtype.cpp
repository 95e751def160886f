// SPDX-License-Identifier: Apache-2.0
// Names of element types, promotion, and the calling thread's default type.
#include <farro/core/dtype/dtype.h>

#include <farro/core/error/error.h>

#include <utility>

namespace farro {

namespace {
constexpr const char* kNames[kNumDTypes] = {"f64", "f32", "f16", "bf16", "i64", "i32", "i16", "i8", "u8", "bool"};
thread_local DType default_value = DType::f32;
}  // namespace

const char* name(DType dtype) noexcept { return kNames[static_cast<int>(dtype)]; }
std::string to_string(DType dtype) { return name(dtype); }

DType parse_dtype(std::string_view text) {
  for (int i = 0; i < kNumDTypes; ++i)
    if (text == kNames[i]) return static_cast<DType>(i);
  fail<DTypeError>("parse_dtype: text must be one of f64 f32 f16 bf16 i64 i32 i16 i8 u8 bool, got '", text, "'");
}

DType promote(DType a, DType b) noexcept {
  if (a == b) return a;
  // The enumeration lists types from the widest down, floating types first and bool last: promotion is mostly the
  // lesser of two numbers.
  if (a > b) std::swap(a, b);  // a is now the wider category, or the wider type within it
  // Every type holds 0 and 1.
  if (b == DType::boolean) return a;
  // f16 has the digits that bf16 lacks, bf16 the range that f16 lacks; only f32 holds both.
  if (is_floating(a)) return a == DType::f16 && b == DType::bf16 ? DType::f32 : a;
  // Neither of the two holds the other's values.
  if (b == DType::u8 && a == DType::i8) return DType::i16;
  return a;
}

DType default_dtype() noexcept { return default_value; }

DefaultDTypeGuard::DefaultDTypeGuard(DType dtype) : previous_(default_value) {
  FARRO_CHECK(is_floating(dtype), DTypeError, "DefaultDTypeGuard: dtype must be a floating type, got ", dtype);
  default_value = dtype;
}
DefaultDTypeGuard::~DefaultDTypeGuard() { default_value = previous_; }

}  // namespace farro
