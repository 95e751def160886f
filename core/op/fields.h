// Reflection over an op's Args. An Args is an aggregate
//     struct Args {
//       const Tensor& a;
//       double alpha;
//       static constexpr std::array names{"a", "alpha"};
//       auto fields() const { return std::tie(a, alpha); }
//     };
// and from names and fields() come the schema text, the printing of a call, and the walk over the tensor inputs (in
// order of appearance; a TensorList counts one input per element, an absent optional tensor is an undefined one).
#pragma once

#include <farro/core/tensor/tensor.h>

#include <array>
#include <string>
#include <tuple>
#include <type_traits>

namespace farro {

// Calls fn(index, tensor) for every tensor input.
template <class Args, class Fn>
inline void for_each_input(const Args& args, Fn&& fn) {
  int index = 0;
  const auto visit = [&](const auto& value) {
    using T = std::remove_cvref_t<decltype(value)>;
    if constexpr (std::is_same_v<T, Tensor>) {
      fn(index++, value);
    } else if constexpr (std::is_same_v<T, TensorList>) {
      for (const Tensor& tensor : value) fn(index++, tensor);
    }
  };
  std::apply([&](const auto&... field) { (visit(field), ...); }, args.fields());
}

namespace detail {

template <class Args>
using FieldTypes = decltype(std::declval<const Args&>().fields());

template <class... T>
constexpr int count_inputs(std::tuple<T...>*) {
  if constexpr ((std::is_same_v<std::remove_cvref_t<T>, TensorList> || ... || false)) {
    return -1;
  } else {
    return (int{std::is_same_v<std::remove_cvref_t<T>, Tensor>} + ... + 0);
  }
}

template <class T>
constexpr const char* type_text() {
  if constexpr (std::is_same_v<T, Tensor>) return "Tensor";
  else if constexpr (std::is_same_v<T, TensorList>) return "Tensor[]";
  else if constexpr (std::is_same_v<T, bool>) return "bool";
  else if constexpr (std::is_integral_v<T>) return "int";
  else if constexpr (std::is_floating_point_v<T>) return "float";
  else if constexpr (std::is_same_v<T, Dims>) return "int[]";
  else if constexpr (std::is_same_v<T, Scalar>) return "Scalar";
  else if constexpr (std::is_same_v<T, DType>) return "DType";
  else if constexpr (std::is_same_v<T, Device>) return "Device";
  else return "enum";
}

template <class T>
std::string value_text(const T& value) {
  if constexpr (std::is_same_v<T, TensorList>) {
    std::string out = "[";
    for (const Tensor& tensor : value) out += (out.size() > 1 ? ", " : "") + to_string(tensor);
    return out + "]";
  } else if constexpr (std::is_enum_v<T> && !std::is_same_v<T, DType>) {
    return str(static_cast<int>(value));
  } else {
    return str(value);
  }
}

}  // namespace detail

// Number of tensor inputs; -1 where an Args holds a TensorList.
template <class Args>
inline constexpr int kStaticInputs = detail::count_inputs(static_cast<detail::FieldTypes<Args>*>(nullptr));

// "a: f32 [2, 3] cpu, alpha: 1": the arguments of one call.
template <class Args>
std::string describe(const Args& args) {
  std::string out;
  size_t index = 0;
  std::apply(
      [&](const auto&... field) {
        ((out += str(index ? ", " : "", Args::names[index], ": ", detail::value_text(field)), ++index), ...);
      },
      args.fields());
  return out;
}

// "(Tensor a, float alpha)".
template <class Args>
std::string schema_of() {
  std::string out = "(";
  size_t index = 0;
  [&]<class... T>(std::tuple<T...>*) {
    ((out += str(index ? ", " : "", detail::type_text<std::remove_cvref_t<T>>(), " ", Args::names[index]), ++index),
     ...);
  }(static_cast<detail::FieldTypes<Args>*>(nullptr));
  static_assert(std::tuple_size_v<detail::FieldTypes<Args>> == std::tuple_size_v<decltype(Args::names)>);
  return out + ")";
}

}  // namespace farro
