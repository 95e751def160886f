// SPDX-License-Identifier: Apache-2.0
// Plans of libraries, such as oneDNN primitives, kept by all the arguments of a call; the least recently used are
// dropped. A null plan is kept, too: it says that the library refused.
#include <farro/core/op/plan_cache.h>

#include <farro/core/parallel/fork_gate.h>

#include <algorithm>
#include <bit>
#include <mutex>

namespace farro {

namespace {

struct InsidePlanCache;  // of the fork gate

}  // namespace

PlanKey& PlanKey::add(std::string_view text) {
  // Lengths go first, so that no two lists of arguments give the same words.
  words_.push_back(static_cast<int64_t>(text.size()));
  for (size_t i = 0; i < text.size(); i += 8) {
    uint64_t word = 0;
    for (size_t j = i; j < std::min(i + 8, text.size()); ++j) word = word << 8 | static_cast<unsigned char>(text[j]);
    words_.push_back(static_cast<int64_t>(word));
  }
  return *this;
}

PlanKey& PlanKey::add(std::span<const int64_t> list) {
  words_.push_back(static_cast<int64_t>(list.size()));
  words_.insert(words_.end(), list.begin(), list.end());
  return *this;
}

PlanKey& PlanKey::add(const Tensor& tensor) {
  if (!tensor.defined()) return add(int64_t{-1});
  add(static_cast<int64_t>(tensor.dtype()));
  add(static_cast<int64_t>(tensor.device().type)).add(static_cast<int64_t>(tensor.device().index));
  const auto address = reinterpret_cast<uintptr_t>(tensor.is_meta() ? nullptr : tensor.raw_data());
  // Alignment up to 64 bytes, as a power of 2: libraries choose code by it.
  add(address ? std::countr_zero(address | 64) : 6);
  return add(std::span<const int64_t>(tensor.sizes())).add(std::span<const int64_t>(tensor.strides()));
}

PlanKey& PlanKey::add(double value) { return add(std::bit_cast<int64_t>(value)); }

PlanKey& PlanKey::add(const Scalar& value) {
  add(int64_t{value.is_floating()}).add(int64_t{value.is_bool()});
  return value.is_floating() ? add(value.to_double()) : add(value.to_int());
}

size_t PlanCache::Hash::operator()(const PlanKey* key) const noexcept {
  uint64_t hash = 0;
  for (int64_t word : key->words()) {
    // 2^64 over the golden ratio, odd: Knuth's multiplicative hashing.
    hash = (hash ^ static_cast<uint64_t>(word)) * 0x9e3779b97f4a7c15u;
    hash ^= hash >> 29;
  }
  return hash;
}

bool PlanCache::find(const PlanKey& key, std::shared_ptr<void>& plan) {
  const auto gate = hold_off_forks<InsidePlanCache>();
  const std::lock_guard lock(mutex_);
  const auto found = index_.find(&key);
  if (found == index_.end()) {
    ++stats_.misses;
    return false;
  }
  ++stats_.hits;
  // To the front: the list is in order of last use.
  entries_.splice(entries_.begin(), entries_, found->second);
  plan = found->second->plan;
  return true;
}

std::shared_ptr<void> PlanCache::keep(const PlanKey& key, std::shared_ptr<void> plan) {
  std::vector<std::shared_ptr<void>> dropped;  // destroyed without the lock
  const auto gate = hold_off_forks<InsidePlanCache>();
  const std::lock_guard lock(mutex_);
  // Another thread made the same plan meanwhile; the first one stays.
  if (const auto found = index_.find(&key); found != index_.end()) return found->second->plan;
  if (capacity_ == 0) return plan;
  shrink(capacity_ - 1, dropped);
  entries_.push_front({key, plan});
  index_[&entries_.front().key] = entries_.begin();
  return plan;
}

void PlanCache::shrink(size_t most, std::vector<std::shared_ptr<void>>& dropped) {
  while (entries_.size() > most) {
    dropped.push_back(std::move(entries_.back().plan));
    index_.erase(&entries_.back().key);
    entries_.pop_back();
    ++stats_.evictions;
  }
}

PlanCache::Stats PlanCache::stats() const {
  const auto gate = hold_off_forks<InsidePlanCache>();
  const std::lock_guard lock(mutex_);
  Stats stats = stats_;
  for (const Entry& entry : entries_) ++(entry.plan ? stats.plans : stats.negative);
  return stats;
}

void PlanCache::clear() {
  std::vector<std::shared_ptr<void>> dropped;
  const auto gate = hold_off_forks<InsidePlanCache>();
  const std::lock_guard lock(mutex_);
  // Plans that clear() drops were dropped by request: they count as no evictions.
  const uint64_t evictions = stats_.evictions;
  shrink(0, dropped);
  stats_ = {};
  stats_.evictions = evictions;
}

void PlanCache::set_capacity(size_t capacity) {
  std::vector<std::shared_ptr<void>> dropped;
  const auto gate = hold_off_forks<InsidePlanCache>();
  const std::lock_guard lock(mutex_);
  capacity_ = capacity;
  shrink(capacity, dropped);
}

PlanCache& plan_cache(Device device) {
  // Never destroyed: threads of static lifetime may compute until the end. One for the CPU, one for each CUDA device.
  static auto& caches = *new std::array<PlanCache, 128>;
  return caches[device.is_cuda() ? 1 + static_cast<size_t>(device.index) : 0];
}

}  // namespace farro
