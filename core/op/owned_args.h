// SPDX-License-Identifier: Apache-2.0
// The arguments of one call, kept beyond it: tensors by handle, everything else by value.
#pragma once

#include <farro/core/op/fields.h>

#include <vector>

namespace farro {

namespace detail {

// The value that stands for a member when the call is over.
template <class T>
using OwnedMember = std::conditional_t<kIsTensorList<T>, std::vector<Tensor>, T>;

// `values` is a tuple, or anything else with get<I>(), that holds a value for each member.
template <class Args, class Tuple>
Args rebuild_args(const Tuple& values) {
  using std::get;
  return [&]<size_t... I>(std::index_sequence<I...>) {
    return Args{
        static_cast<std::conditional_t<kIsTensorList<MemberType<Args, I>>, TensorList, const MemberType<Args, I>&>>(
            get<I>(values))...};
  }(std::make_index_sequence<kMembers<Args>>());
}

}  // namespace detail

template <class Args>
class OwnedArgs {
 public:
  // fn(member number, tensor) gives the tensor to keep in place of each input.
  template <class Fn>
  OwnedArgs(const Args& args, Fn&& fn) : values_(copy(args, fn, Indices())) {}
  explicit OwnedArgs(const Args& args) : OwnedArgs(args, [](size_t, const Tensor& tensor) { return tensor; }) {}

  // Refers to this object.
  Args args() const { return detail::rebuild_args<Args>(values_); }

 private:
  using Indices = std::make_index_sequence<detail::kMembers<Args>>;

  template <size_t I, class Fn>
  static auto copy_member(const auto& members, Fn& fn) {
    const auto& value = std::get<I>(members);
    using T = std::remove_cvref_t<decltype(value)>;
    if constexpr (detail::kIsTensor<T>) {
      return fn(I, value);
    } else if constexpr (detail::kIsTensorList<T>) {
      std::vector<Tensor> list;
      list.reserve(value.size());
      for (const Tensor& tensor : value) list.push_back(fn(I, tensor));
      return list;
    } else {
      return T(value);
    }
  }
  template <class Fn, size_t... I>
  static auto copy(const Args& args, Fn& fn, std::index_sequence<I...>) {
    const auto members = detail::tie_members(args);
    return std::tuple{copy_member<I>(members, fn)...};
  }
  template <size_t... I>
  static std::tuple<detail::OwnedMember<detail::MemberType<Args, I>>...> tuple_type(std::index_sequence<I...>);

  decltype(tuple_type(Indices())) values_;
};

}  // namespace farro
