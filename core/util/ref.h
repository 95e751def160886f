// SPDX-License-Identifier: Apache-2.0
// Intrusive reference counting. A class derives from RefCounted and may define `static void destroy(T*)` for a teardown
// other than delete (storage frees its block, graph nodes are destroyed iteratively).
#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

namespace farro {

class RefCounted {
 public:
  RefCounted() noexcept = default;
  RefCounted(const RefCounted&) = delete;
  RefCounted& operator=(const RefCounted&) = delete;
  uint32_t use_count() const noexcept { return count_.load(std::memory_order_relaxed); }

 protected:
  ~RefCounted() = default;

 private:
  template <class T>
  friend class Ref;
  mutable std::atomic<uint32_t> count_{1};  // born owned by the Ref that adopts it
};

template <class T>
class Ref {
 public:
  constexpr Ref() noexcept = default;
  constexpr Ref(std::nullptr_t) noexcept {}
  // Takes over the reference a new object is born with.
  static Ref adopt(T* object) noexcept {
    Ref ref;
    ref.object_ = object;
    return ref;
  }
  // Adds a reference to an object that is alive.
  static Ref share(T* object) noexcept {
    if (object) acquire(object);
    return adopt(object);
  }
  Ref(const Ref& other) noexcept : object_(other.object_) {
    if (object_) acquire(object_);
  }
  Ref(Ref&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  template <class U>
    requires(std::is_base_of_v<T, U> && !std::is_same_v<T, U>)
  Ref(Ref<U> other) noexcept : object_(other.leak()) {}
  Ref& operator=(const Ref& other) noexcept {
    Ref(other).swap(*this);
    return *this;
  }
  Ref& operator=(Ref&& other) noexcept {
    Ref(std::move(other)).swap(*this);
    return *this;
  }
  ~Ref() {
    if (object_) release(object_);
  }

  T* get() const noexcept { return object_; }
  T* operator->() const noexcept { return object_; }
  T& operator*() const noexcept { return *object_; }
  explicit operator bool() const noexcept { return object_ != nullptr; }
  void reset() noexcept { Ref().swap(*this); }
  // Gives the reference up without releasing it.
  T* leak() noexcept { return std::exchange(object_, nullptr); }
  void swap(Ref& other) noexcept { std::swap(object_, other.object_); }
  friend bool operator==(const Ref& a, const Ref& b) noexcept { return a.object_ == b.object_; }

 private:
  static void acquire(T* object) noexcept { object->count_.fetch_add(1, std::memory_order_relaxed); }
  static void release(T* object) noexcept {
    // A sole owner needs no atomic read-modify-write: nobody else can gain a reference meanwhile.
    if (object->count_.load(std::memory_order_acquire) == 1 ||
        object->count_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
      if constexpr (requires { T::destroy(object); }) {
        T::destroy(object);
      } else {
        delete object;
      }
    }
  }

  T* object_ = nullptr;
};

}  // namespace farro
