// SPDX-License-Identifier: Apache-2.0
// What a node keeps of a call, as Op::kKeep says (core/op/keep.h): room only for what the op may ever keep.
#pragma once

#include <farro/autograd/node/saved_tensor.h>
#include <farro/core/api.h>
#include <farro/core/op/op.h>
#include <farro/core/op/owned_args.h>

#include <bit>
#include <vector>

namespace farro {

// What a tensor looks like, without its elements: of an output, what a gradient arriving for it must look like.
struct OutputMeta {
  Shape sizes;
  DType dtype = DType::f32;
  Device device;

  OutputMeta() = default;
  explicit OutputMeta(const TensorImpl& tensor) : sizes(tensor.sizes), dtype(tensor.dtype), device(tensor.device) {}
};

namespace detail {

struct KeptNothing {
  KeptNothing() = default;
  KeptNothing(const Tensor&, bool, bool) {}
  Tensor restore() const { return {}; }
};

struct KeptData {
  SavedTensor data;
  KeptData(const Tensor& tensor, bool keep, bool) : data(keep ? SavedTensor(tensor) : SavedTensor()) {}
  Tensor restore() const { return data.get(); }
};

FARRO_API Tensor meta_tensor(const OutputMeta& like);

struct KeptSizes {
  bool present = false;
  OutputMeta meta;
  KeptSizes(const Tensor& tensor, bool, bool keep) : present(keep && tensor.defined()) {
    if (present) meta = OutputMeta(*tensor.impl());
  }
  Tensor restore() const { return present ? meta_tensor(meta) : Tensor(); }
};

struct KeptEither {
  KeptData data;
  KeptSizes sizes;
  KeptEither(const Tensor& tensor, bool keep_data, bool keep_sizes)
      : data(tensor, keep_data, false), sizes(tensor, false, keep_sizes && !keep_data) {}
  Tensor restore() const { return sizes.present ? sizes.restore() : data.restore(); }
};

// A tuple that is filled in place: std::tuple would move each element into it, which costs a recorded a * b 40
// instructions.
template <size_t I, class T>
struct PackLeaf {
  T value;
};
template <class Indices, class... T>
struct PackOf;
template <size_t... I, class... T>
struct PackOf<std::index_sequence<I...>, T...> : PackLeaf<I, T>... {};
template <size_t I, class T>
constexpr T& get(PackLeaf<I, T>& leaf) noexcept {
  return leaf.value;
}
template <size_t I, class T>
constexpr const T& get(const PackLeaf<I, T>& leaf) noexcept {
  return leaf.value;
}

template <class Op>
class KeptCall {
  using Args = typename Op::Args;
  static constexpr size_t kCount = kMembers<Args>;
  static constexpr uint32_t kOutputMask = kKeep<Op>.output_mask;

  template <size_t I>
  static constexpr bool kData = kKeep<Op>.input_mask >> I & 1;
  template <size_t I>
  static constexpr bool kSizes = kKeep<Op>.sizes_mask >> I & 1;
  template <size_t I>
  using One =
      std::conditional_t<kData<I> && kSizes<I>, KeptEither,
                         std::conditional_t<kData<I>, KeptData, std::conditional_t<kSizes<I>, KeptSizes, KeptNothing>>>;
  template <size_t I>
  // The type says what an argument may ever need, so that a node has no room for what is never kept.
  static auto member_type() {
    using T = MemberType<Args, I>;
    if constexpr (kIsTensor<T>)
      return std::type_identity<One<I>>();
    else if constexpr (kIsTensorList<T>)
      return std::type_identity<std::vector<One<I>>>();
    else
      return std::type_identity<T>();
  }
  template <size_t... I>
  static auto tuple_type(std::index_sequence<I...>)
      -> std::type_identity<PackOf<std::index_sequence<I...>, typename decltype(member_type<I>())::type...>>;
  using Indices = std::make_index_sequence<kCount>;
  using Members = typename decltype(tuple_type(Indices()))::type;

 public:
  KeptCall(const Args& args, const Outputs<Op>& out, const Keep& keep) : members_(take(args, keep, Indices())) {
    if constexpr (kOutputMask != 0) {
      size_t at = 0;
      for (int i = 0; i < kOutputs<Op>; ++i)
        if (kOutputMask >> i & 1) {
          if (keep.output_mask >> i & 1) outputs_[at] = SavedTensor::output(out[static_cast<size_t>(i)], i);
          ++at;
        }
    }
  }

  // A tuple for rebuild_args(), which refers to this object.
  auto restore_args() const { return restore(Indices()); }
  Outputs<Op> restore_outputs() const {
    Outputs<Op> out;
    if constexpr (kOutputMask != 0) {
      size_t at = 0;
      for (int i = 0; i < kOutputs<Op>; ++i)
        if (kOutputMask >> i & 1) out[static_cast<size_t>(i)] = outputs_[at++].get();
    }
    return out;
  }
  void release() noexcept {
    [this]<size_t... I>(std::index_sequence<I...>) { (drop(get<I>(members_)), ...); }(Indices());
    outputs_ = {};
  }

 private:
  template <size_t I>
  static auto take_member(const auto& members, const Keep& keep) {
    const auto& value = std::get<I>(members);
    using T = MemberType<Args, I>;
    const bool data = keep.input_mask >> I & 1, sizes = keep.sizes_mask >> I & 1;
    if constexpr (kIsTensor<T>) {
      return One<I>(value, data, sizes);
    } else if constexpr (kIsTensorList<T>) {
      std::vector<One<I>> list;
      if constexpr (kData<I> || kSizes<I>) {
        list.reserve(value.size());
        for (const Tensor& tensor : value) list.emplace_back(tensor, data, sizes);
      }
      return list;
    } else {
      return T(value);
    }
  }
  template <size_t... I>
  static Members take(const Args& args, const Keep& keep, std::index_sequence<I...>) {
    const auto members = tie_members(args);
    return Members{{take_member<I>(members, keep)}...};
  }

  template <size_t I>
  decltype(auto) restore_member() const {
    const auto& value = get<I>(members_);
    using T = MemberType<Args, I>;
    if constexpr (kIsTensor<T>) {
      return value.restore();
    } else if constexpr (kIsTensorList<T>) {
      std::vector<Tensor> list;
      list.reserve(value.size());
      for (const One<I>& one : value) list.push_back(one.restore());
      return list;
    } else {
      return (value);
    }
  }
  template <size_t... I>
  auto restore(std::index_sequence<I...>) const {
    return PackOf<std::index_sequence<I...>, decltype(restore_member<I>())...>{{restore_member<I>()}...};
  }

  template <class T>
  static void drop(T& member) noexcept {
    if constexpr (std::is_same_v<T, KeptData>)
      member.data = {};
    else if constexpr (std::is_same_v<T, KeptEither>)
      member.data.data = {};
    else if constexpr (std::is_same_v<T, std::vector<KeptData>> || std::is_same_v<T, std::vector<KeptEither>>)
      member.clear();
  }

  // Empty members take no room: a node is one of the records that every op makes.
  [[no_unique_address]] Members members_;
  [[no_unique_address]] std::array<SavedTensor, std::popcount(kOutputMask)> outputs_;
};

}  // namespace detail

}  // namespace farro
