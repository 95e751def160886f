// SPDX-License-Identifier: Apache-2.0
// The typed errors of the library and the one way to raise them. Everything throws through FARRO_CHECK or fail<E>(), so
// every message has one format:  op: argument must ..., got ... (argument: f32 [512] cpu) in net.block3.fc1
// The scope suffix is added here; callers never write it.
#pragma once

#include <farro/core/api.h>

#include <exception>
#include <string>
#include <string_view>
#include <type_traits>

namespace farro {

class FARRO_API Error : public std::exception {
 public:
  explicit Error(std::string message) : message_(std::move(message)) {}
  const char* what() const noexcept override { return message_.c_str(); }
  // The error's type as users write it in a catch clause, e.g. "ShapeError".
  virtual const char* kind() const noexcept { return "Error"; }

 private:
  std::string message_;
};

// Errors the caller can cause and repair.
struct FARRO_API UserError : Error {
  using Error::Error;
  const char* kind() const noexcept override { return "UserError"; }
};
struct FARRO_API ShapeError : UserError {
  using UserError::UserError;
  const char* kind() const noexcept override { return "ShapeError"; }
};
struct FARRO_API DTypeError : UserError {
  using UserError::UserError;
  const char* kind() const noexcept override { return "DTypeError"; }
};
struct FARRO_API DeviceError : UserError {
  using UserError::UserError;
  const char* kind() const noexcept override { return "DeviceError"; }
};
struct FARRO_API ValueError : UserError {
  using UserError::UserError;
  const char* kind() const noexcept override { return "ValueError"; }
};
struct FARRO_API IndexError : UserError {
  using UserError::UserError;
  const char* kind() const noexcept override { return "IndexError"; }
};
struct FARRO_API IoError : UserError {
  using UserError::UserError;
  const char* kind() const noexcept override { return "IoError"; }
};
// Misuse of the autograd graph: a saved tensor was changed, the graph was already freed, no gradient is defined, ...
struct FARRO_API AutogradError : UserError {
  using UserError::UserError;
  const char* kind() const noexcept override { return "AutogradError"; }
};
struct FARRO_API NotImplementedError : UserError {
  using UserError::UserError;
  const char* kind() const noexcept override { return "NotImplementedError"; }
};
// A kernel variant that was asked for by name cannot run this call.
struct FARRO_API UnsupportedVariantError : NotImplementedError {
  using NotImplementedError::NotImplementedError;
  const char* kind() const noexcept override { return "UnsupportedVariantError"; }
};
struct FARRO_API OutOfMemoryError : Error {
  using Error::Error;
  const char* kind() const noexcept override { return "OutOfMemoryError"; }
};
// A device API call failed or a kernel misbehaved.
struct FARRO_API BackendError : Error {
  using Error::Error;
  const char* kind() const noexcept override { return "BackendError"; }
};
struct FARRO_API CommError : Error {
  using Error::Error;
  const char* kind() const noexcept override { return "CommError"; }
};
// A broken invariant of the library itself; please report it.
struct FARRO_API InternalError : Error {
  using Error::Error;
  const char* kind() const noexcept override { return "InternalError"; }
};

namespace detail {

FARRO_API void append_signed(std::string& out, long long value);
FARRO_API void append_unsigned(std::string& out, unsigned long long value);
FARRO_API void append_double(std::string& out, double value);  // shortest text that reads back to the same value

// Text of one message piece. Library types take part by a free function to_string(const T&) in namespace farro.
template <class T>
void append_piece(std::string& out, const T& piece) {
  if constexpr (std::is_convertible_v<const T&, std::string_view>) {
    out += std::string_view(piece);
  } else if constexpr (std::is_same_v<T, bool>) {
    out += piece ? "true" : "false";
  } else if constexpr (std::is_same_v<T, char>) {
    out += piece;
  } else if constexpr (std::is_integral_v<T> && std::is_signed_v<T>) {
    append_signed(out, piece);
  } else if constexpr (std::is_integral_v<T>) {
    append_unsigned(out, piece);
  } else if constexpr (std::is_floating_point_v<T>) {
    append_double(out, piece);
  } else {
    out += to_string(piece);
  }
}

// `message` with " in <module path>" when a scope is active.
FARRO_API std::string with_scope(std::string message);

}  // namespace detail

// Concatenates text, numbers and any library type that has to_string().
template <class... Pieces>
std::string str(const Pieces&... pieces) {
  std::string out;
  (detail::append_piece(out, pieces), ...);
  return out;
}

template <class E, class... Pieces>
[[noreturn, gnu::noinline, gnu::cold]] void fail(const Pieces&... pieces) {
  throw E(detail::with_scope(str(pieces...)));
}

}  // namespace farro

// Throws ErrorType with the concatenated pieces unless `condition` holds; the pieces are evaluated only then.
#define FARRO_CHECK(condition, ErrorType, ...) \
  do {                                         \
    if (!(condition)) [[unlikely]]             \
      ::farro::fail<ErrorType>(__VA_ARGS__);   \
  } while (false)

// An invariant of the library itself.
#define FARRO_ASSERT(condition)                                                                                  \
  do {                                                                                                           \
    if (!(condition)) [[unlikely]]                                                                               \
      ::farro::fail<::farro::InternalError>("internal error: ", #condition, " does not hold at ", __FILE__, ":", \
                                            __LINE__);                                                           \
  } while (false)
