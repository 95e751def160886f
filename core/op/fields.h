// SPDX-License-Identifier: Apache-2.0
// Reflection over an op's Args: its members and their names are one list,
//     struct Args {
//       const Tensor& x;
//       const Tensor& bias;
//       double alpha;
//       static constexpr std::array names{"x", "bias?", "alpha"};
//     };
// A wrong number of names does not compile. "?" marks a tensor (or the tensors of a list) that may be undefined. A
// member may be an aggregate with names of its own (ConvParams): its members stand in the schema as if they were Args'
// own. From the list come the schema, the text of a call, the walk over the tensor inputs (in order of appearance; a
// TensorList counts one input per element), copies that outlive a call (owned_args.h) and the keys of plans
// (plan_cache.h).
#pragma once

#include <farro/core/api.h>
#include <farro/core/tensor/tensor.h>

#include <array>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

namespace farro {

namespace detail {

template <class T>
concept Named = requires { T::names; };

// References to the members, for aggregates of up to 16.
template <class T>
constexpr auto tie_members(T& value) {
  constexpr size_t n = std::remove_const_t<T>::names.size();
  static_assert(n >= 1 && n <= 16, "tie_members: add a case");
  // clang-format off
  if constexpr (n == 1) { auto& [a] = value; return std::tie(a); }
  else if constexpr (n == 2) { auto& [a, b] = value; return std::tie(a, b); }
  else if constexpr (n == 3) { auto& [a, b, c] = value; return std::tie(a, b, c); }
  else if constexpr (n == 4) { auto& [a, b, c, d] = value; return std::tie(a, b, c, d); }
  else if constexpr (n == 5) { auto& [a, b, c, d, e] = value; return std::tie(a, b, c, d, e); }
  else if constexpr (n == 6) { auto& [a, b, c, d, e, f] = value; return std::tie(a, b, c, d, e, f); }
  else if constexpr (n == 7) { auto& [a, b, c, d, e, f, g] = value; return std::tie(a, b, c, d, e, f, g); }
  else if constexpr (n == 8) { auto& [a, b, c, d, e, f, g, h] = value; return std::tie(a, b, c, d, e, f, g, h); }
  else if constexpr (n == 9) { auto& [a, b, c, d, e, f, g, h, i] = value; return std::tie(a, b, c, d, e, f, g, h, i); }
  else if constexpr (n == 10) { auto& [a, b, c, d, e, f, g, h, i, j] = value; return std::tie(a, b, c, d, e, f, g, h, i, j); }
  else if constexpr (n == 11) { auto& [a, b, c, d, e, f, g, h, i, j, k] = value; return std::tie(a, b, c, d, e, f, g, h, i, j, k); }
  else if constexpr (n == 12) { auto& [a, b, c, d, e, f, g, h, i, j, k, l] = value; return std::tie(a, b, c, d, e, f, g, h, i, j, k, l); }
  else if constexpr (n == 13) { auto& [a, b, c, d, e, f, g, h, i, j, k, l, m] = value; return std::tie(a, b, c, d, e, f, g, h, i, j, k, l, m); }
  else if constexpr (n == 14) { auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, o] = value; return std::tie(a, b, c, d, e, f, g, h, i, j, k, l, m, o); }
  else if constexpr (n == 15) { auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, o, p] = value; return std::tie(a, b, c, d, e, f, g, h, i, j, k, l, m, o, p); }
  else { auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, o, p, q] = value; return std::tie(a, b, c, d, e, f, g, h, i, j, k, l, m, o, p, q); }
  // clang-format on
}

// The members of an Args as tuple<const T&...>.
template <class Args>
using Members = decltype(tie_members(std::declval<const Args&>()));
template <class Args>
inline constexpr size_t kMembers = Args::names.size();
template <class Args, size_t I>
using MemberType = std::remove_cvref_t<std::tuple_element_t<I, Members<Args>>>;

template <class Args>
constexpr bool optional_member(size_t i) {
  return std::string_view(Args::names[i]).ends_with('?');
}
constexpr std::string_view plain_name(std::string_view name) {
  return name.ends_with('?') ? name.substr(0, name.size() - 1) : name;
}

template <class T>
inline constexpr bool kIsTensor = std::is_same_v<std::remove_cvref_t<T>, Tensor>;
template <class T>
inline constexpr bool kIsTensorList = std::is_same_v<std::remove_cvref_t<T>, TensorList>;

template <class... T>
constexpr int count_inputs(std::tuple<T...>*) {
  if constexpr ((kIsTensorList<T> || ...))
    return -1;
  else
    return (int{kIsTensor<T>} + ...);
}

}  // namespace detail

// Number of tensor inputs; -1 where an Args holds a TensorList.
template <class Args>
inline constexpr int kStaticInputs = detail::count_inputs(static_cast<detail::Members<Args>*>(nullptr));

// Calls fn(std::integral_constant<size_t, member>, input number, tensor) for every tensor input.
template <class Args, class Fn>
inline void for_each_input_member(const Args& args, Fn&& fn) {
  const auto members = detail::tie_members(args);
  int index = 0;
  [&]<size_t... I>(std::index_sequence<I...>) {
    const auto visit = [&]<size_t M>(std::integral_constant<size_t, M> member) {
      const auto& value = std::get<M>(members);
      if constexpr (detail::kIsTensor<decltype(value)>) {
        fn(member, index++, value);
      } else if constexpr (detail::kIsTensorList<decltype(value)>) {
        for (const Tensor& tensor : value) fn(member, index++, tensor);
      }
    };
    (visit(std::integral_constant<size_t, I>()), ...);
  }(std::make_index_sequence<detail::kMembers<Args>>());
}

// Calls fn(index, tensor) for every tensor input.
template <class Args, class Fn>
inline void for_each_input(const Args& args, Fn&& fn) {
  for_each_input_member(args, [&](auto, int index, const Tensor& tensor) { fn(index, tensor); });
}

// Calls fn(name, value) for every member, those of an aggregate within one by one.
template <class Args, class Fn>
void for_each_field(const Args& args, Fn&& fn) {
  const auto members = detail::tie_members(args);
  [&]<size_t... I>(std::index_sequence<I...>) {
    const auto visit = [&](std::string_view name, const auto& value) {
      if constexpr (detail::Named<std::remove_cvref_t<decltype(value)>>)
        for_each_field(value, fn);
      else
        fn(detail::plain_name(name), value);
    };
    (visit(Args::names[I], std::get<I>(members)), ...);
  }(std::make_index_sequence<detail::kMembers<Args>>());
}

// The name of input number `index`, "tensors[2]" in a list. For errors alone, so it stays out of the callers.
template <class Args>
[[gnu::cold, gnu::noinline]] std::string input_name(const Args& args, int index) {
  std::string found = "input";
  size_t last = Args::names.size();
  int first = 0;
  for_each_input_member(args, [&](auto member, int i, const Tensor&) {
    if (member != last) first = i;
    last = member;
    if (i != index) return;
    found = detail::plain_name(Args::names[member]);
    using Member = decltype(std::get<decltype(member)::value>(detail::tie_members(args)));
    if constexpr (detail::kIsTensorList<Member>) found += str("[", i - first, "]");
  });
  return found;
}

// Sees the values of a call by type. What has no type of its own here (an enum) comes as an integer.
class FARRO_API ArgVisitor {
 public:
  virtual ~ArgVisitor() = default;
  virtual void tensor(std::string_view name, const Tensor& value) = 0;
  virtual void tensors(std::string_view name, TensorList value) = 0;
  virtual void integer(std::string_view name, int64_t value) = 0;
  virtual void boolean(std::string_view name, bool value) = 0;
  virtual void real(std::string_view name, double value) = 0;
  virtual void integers(std::string_view name, std::span<const int64_t> value) = 0;
  virtual void scalar(std::string_view name, const Scalar& value) = 0;
  virtual void dtype(std::string_view name, DType value) = 0;
  virtual void device(std::string_view name, Device value) = 0;
};

namespace detail {

template <class T>
constexpr const char* type_text() {
  if constexpr (std::is_same_v<T, Tensor>)
    return "Tensor";
  else if constexpr (std::is_same_v<T, TensorList>)
    return "Tensor[]";
  else if constexpr (std::is_same_v<T, bool>)
    return "bool";
  else if constexpr (std::is_integral_v<T>)
    return "int";
  else if constexpr (std::is_floating_point_v<T>)
    return "float";
  else if constexpr (std::is_same_v<T, Dims>)
    return "int[]";
  else if constexpr (std::is_same_v<T, Scalar>)
    return "Scalar";
  else if constexpr (std::is_same_v<T, DType>)
    return "DType";
  else if constexpr (std::is_same_v<T, Device>)
    return "Device";
  else
    return "enum";
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

template <class T>
void visit_value(ArgVisitor& visitor, std::string_view name, const T& value) {
  if constexpr (std::is_same_v<T, Tensor>)
    visitor.tensor(name, value);
  else if constexpr (std::is_same_v<T, TensorList>)
    visitor.tensors(name, value);
  else if constexpr (std::is_same_v<T, bool>)
    visitor.boolean(name, value);
  else if constexpr (std::is_integral_v<T>)
    visitor.integer(name, static_cast<int64_t>(value));
  else if constexpr (std::is_floating_point_v<T>)
    visitor.real(name, value);
  else if constexpr (std::is_same_v<T, Scalar>)
    visitor.scalar(name, value);
  else if constexpr (std::is_same_v<T, DType>)
    visitor.dtype(name, value);
  else if constexpr (std::is_same_v<T, Device>)
    visitor.device(name, value);
  else if constexpr (std::is_convertible_v<const T&, std::span<const int64_t>>)
    visitor.integers(name, value);
  else
    visitor.integer(name, static_cast<int64_t>(value));
}

template <class Args>
void append_schema(std::string& out) {
  [&]<size_t... I>(std::index_sequence<I...>) {
    const auto one = [&]<size_t M>(std::integral_constant<size_t, M>) {
      using T = MemberType<Args, M>;
      if constexpr (Named<T>)
        append_schema<T>(out);
      else
        out += str(out.size() > 1 ? ", " : "", type_text<T>(), " ", Args::names[M]);
    };
    (one(std::integral_constant<size_t, I>()), ...);
  }(std::make_index_sequence<kMembers<Args>>());
}

}  // namespace detail

template <class Args>
void visit_args(const Args& args, ArgVisitor& visitor) {
  for_each_field(args, [&](std::string_view name, const auto& value) { detail::visit_value(visitor, name, value); });
}

// "a: f32 [2, 3] cpu, alpha: 1": the arguments of one call.
template <class Args>
std::string describe(const Args& args) {
  std::string out;
  for_each_field(args, [&](std::string_view name, const auto& value) {
    out += str(out.empty() ? "" : ", ", name, ": ", detail::value_text(value));
  });
  return out;
}

// "(Tensor a, Tensor bias?, float alpha)".
template <class Args>
std::string schema_of() {
  std::string out = "(";
  detail::append_schema<Args>(out);
  return out + ")";
}

}  // namespace farro
