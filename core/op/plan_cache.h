// SPDX-License-Identifier: Apache-2.0
// Plans of libraries (a oneDNN primitive, a cuDNN graph, a choice of algorithm): expensive to make, cheap to run, kept
// in one cache for each device. The key is derived from the arguments of the call, so that it cannot be too loose:
// whatever an op's Args holds is in it.
#pragma once

#include <farro/core/api.h>
#include <farro/core/op/fields.h>

#include <concepts>
#include <list>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

namespace farro {

// A list of 64-bit words. Two keys are the same plan if and only if their words are.
class FARRO_API PlanKey {
 public:
  // `kind` names what is planned, e.g. "conv".
  explicit PlanKey(const char* kind) { add(std::string_view(kind)); }

  template <std::integral T>
  PlanKey& add(T word) {
    words_.push_back(static_cast<int64_t>(word));
    return *this;
  }
  PlanKey& add(std::string_view text);
  PlanKey& add(std::span<const int64_t> list);
  // Dtype, device, sizes, strides and alignment (of the address, up to 64 bytes): not the elements.
  PlanKey& add(const Tensor& tensor);
  PlanKey& add(double value);
  PlanKey& add(const Scalar& value);

  std::span<const int64_t> words() const noexcept { return words_; }
  friend FARRO_API bool operator==(const PlanKey&, const PlanKey&) = default;

 private:
  std::vector<int64_t> words_;
};

// The key of a call: the op, every member of its arguments, and the outputs.
template <class Args>
PlanKey plan_key(const char* op, const Args& args, TensorList outputs = {}) {
  PlanKey key(op);
  for_each_field(args, [&](std::string_view, const auto& value) {
    using T = std::remove_cvref_t<decltype(value)>;
    if constexpr (std::is_same_v<T, TensorList>) {
      key.add(static_cast<int64_t>(value.size()));
      for (const Tensor& tensor : value) key.add(tensor);
    } else if constexpr (std::is_same_v<T, Device>) {
      key.add(static_cast<int64_t>(value.type)).add(static_cast<int64_t>(value.index));
    } else if constexpr (std::is_enum_v<T> || std::is_integral_v<T>) {
      key.add(static_cast<int64_t>(value));
    } else if constexpr (std::is_same_v<T, Dims> || std::is_array_v<T>) {
      key.add(std::span<const int64_t>(value));
    } else {
      key.add(value);
    }
  });
  for (const Tensor& tensor : outputs) key.add(tensor);
  return key;
}

// Shared by all threads. A plan that is thrown out lives on for who still runs it.
class FARRO_API PlanCache {
 public:
  explicit PlanCache(size_t capacity = 1024) : capacity_(capacity) {}

  // make() runs without the lock, for it may take milliseconds; of two threads that make one plan at once, the second
  // one's is dropped.
  template <class Plan, class Make>
  std::shared_ptr<Plan> get(const PlanKey& key, Make&& make) {
    std::shared_ptr<void> found;
    if (find(key, found)) return std::static_pointer_cast<Plan>(found);
    std::shared_ptr<Plan> made = make();
    return std::static_pointer_cast<Plan>(keep(key, std::move(made)));
  }

  struct Stats {
    uint64_t hits = 0, misses = 0, evictions = 0;
    size_t plans = 0, negative = 0;  // now held; negative: there is no such plan
  };
  Stats stats() const;
  void clear();
  // Throws out what was used least recently until at most `capacity` are left.
  void set_capacity(size_t capacity);

 private:
  struct Entry {
    PlanKey key;
    std::shared_ptr<void> plan;
  };
  struct Hash {
    size_t operator()(const PlanKey* key) const noexcept;
  };
  struct Equal {
    bool operator()(const PlanKey* a, const PlanKey* b) const noexcept { return *a == *b; }
  };
  bool find(const PlanKey& key, std::shared_ptr<void>& plan);
  std::shared_ptr<void> keep(const PlanKey& key, std::shared_ptr<void> plan);
  void shrink(size_t most, std::vector<std::shared_ptr<void>>& dropped);

  mutable std::mutex mutex_;
  size_t capacity_;
  std::list<Entry> entries_;  // most recently used first
  std::unordered_map<const PlanKey*, std::list<Entry>::iterator, Hash, Equal> index_;
  Stats stats_;
};

// Of the CPU, and of each CUDA device; each holds 1,024 plans and lives until the process ends.
FARRO_API PlanCache& plan_cache(Device device);

}  // namespace farro
