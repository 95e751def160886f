// SPDX-License-Identifier: Apache-2.0
// The tensors in the arguments and results of modules, found by type: a Tensor; std::optional, vector, array, pair and
// tuple of what holds some; aggregates of up to 8 members, looked into member by member:
//
//     struct State { Tensor h, c; };
//     std::pair<Tensor, State> result = ...;
//     std::vector<Tensor> flat = nn::tensors_of(result);   // output, h, c
//
// A type that this does not reach (private members, a base class, more members, members that are C arrays, optionals
// or variants) says its members itself: `auto fields() { return std::tie(h, c); }`. Anything else holds none.
#pragma once

#include <farro/core/tensor/tensor.h>

#include <array>
#include <cstddef>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace farro::nn {

namespace detail {

// Converts to anything: an aggregate has as many members as it can be made from.
struct AnyMember {
  template <class T>
  operator T() const;
};
template <class T, size_t... kIndex>
concept MadeOf = requires { T{(void(kIndex), AnyMember())...}; };

template <class T, size_t... kIndex>
constexpr bool made_of(std::index_sequence<kIndex...>) {
  return MadeOf<T, kIndex...>;
}
inline constexpr size_t kMaxMembers = 8;
template <class T, size_t kCount = kMaxMembers + 1>
constexpr size_t member_count() {
  if constexpr (kCount == 0 || made_of<T>(std::make_index_sequence<kCount>()))
    return kCount;
  else
    return member_count<T, kCount - 1>();
}

template <class T>
concept TupleLike = requires { std::tuple_size<T>::value; };
template <class T>
concept HasFields = requires(T& value) { value.fields(); };
template <class T>
concept Plain = std::is_aggregate_v<T> && std::is_class_v<T> && !TupleLike<T> && !HasFields<T>;

// References to the members of an aggregate.
template <class T>
auto members(T& value) {
  constexpr size_t kCount = member_count<T>();
  static_assert(kCount <= kMaxMembers, "more than 8 members: give the type `auto fields() { return std::tie(...); }`");
  if constexpr (kCount == 0) {
    return std::tie();
  } else if constexpr (kCount == 1) {
    auto& [a] = value;
    return std::tie(a);
  } else if constexpr (kCount == 2) {
    auto& [a, b] = value;
    return std::tie(a, b);
  } else if constexpr (kCount == 3) {
    auto& [a, b, c] = value;
    return std::tie(a, b, c);
  } else if constexpr (kCount == 4) {
    auto& [a, b, c, d] = value;
    return std::tie(a, b, c, d);
  } else if constexpr (kCount == 5) {
    auto& [a, b, c, d, e] = value;
    return std::tie(a, b, c, d, e);
  } else if constexpr (kCount == 6) {
    auto& [a, b, c, d, e, f] = value;
    return std::tie(a, b, c, d, e, f);
  } else if constexpr (kCount == 7) {
    auto& [a, b, c, d, e, f, g] = value;
    return std::tie(a, b, c, d, e, f, g);
  } else {
    auto& [a, b, c, d, e, f, g, h] = value;
    return std::tie(a, b, c, d, e, f, g, h);
  }
}

template <class T>
struct IsList : std::false_type {};
template <class T>
struct IsList<std::vector<T>> : std::true_type {};
template <class T>
struct IsList<std::optional<T>> : std::true_type {};

template <class T>
constexpr bool holds_tensors();
template <class T>
struct AnyHolds;
template <class... Members>
struct AnyHolds<std::tuple<Members...>> {
  static constexpr bool value = (holds_tensors<std::remove_cvref_t<Members>>() || ... || false);
};
template <class T>
constexpr bool holds_tensors() {
  if constexpr (std::is_base_of_v<Tensor, T>)
    return true;
  else if constexpr (HasFields<T>)
    return AnyHolds<decltype(std::declval<T&>().fields())>::value;
  else if constexpr (TupleLike<T>)
    return AnyHolds<decltype(std::apply([](auto&... each) { return std::tie(each...); }, std::declval<T&>()))>::value;
  else if constexpr (IsList<T>::value)
    return holds_tensors<typename T::value_type>();
  else if constexpr (Plain<T>)
    return AnyHolds<decltype(members(std::declval<T&>()))>::value;
  else
    return false;
}

}  // namespace detail

// Whether values of T can hold tensors.
template <class T>
inline constexpr bool holds_tensors = detail::holds_tensors<std::remove_cvref_t<T>>();

// fn(Tensor&) for each tensor in `value`, in order of declaration; undefined ones too.
template <class T, class Fn>
void for_each_tensor(T& value, Fn&& fn) {
  const auto each = [&](auto&... member) { (for_each_tensor(member, fn), ...); };
  if constexpr (!holds_tensors<T>) {
    return;
  } else if constexpr (std::is_base_of_v<Tensor, T>) {
    fn(static_cast<Tensor&>(value));
  } else if constexpr (detail::HasFields<T>) {
    std::apply(each, value.fields());
  } else if constexpr (detail::TupleLike<T>) {
    std::apply(each, value);
  } else if constexpr (detail::Plain<T>) {
    std::apply(each, detail::members(value));
  } else if constexpr (requires { value.begin(); }) {
    for (auto& element : value) for_each_tensor(element, fn);
  } else if (value) {
    for_each_tensor(*value, fn);
  }
}

template <class T>
std::vector<Tensor> tensors_of(T value) {
  std::vector<Tensor> out;
  for_each_tensor(value, [&](const Tensor& tensor) { out.push_back(tensor); });
  return out;
}

}  // namespace farro::nn
