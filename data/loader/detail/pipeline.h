// SPDX-License-Identifier: Apache-2.0
// OrderedWorkers: threads that make the items number start, start + 1, ... ahead of the consumer, who gets them in
// order. Used by the DataLoader. At most `ahead` items are made but not yet taken.
#pragma once

#include <farro/core/error/error.h>
#include <farro/core/parallel/parallel.h>

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <vector>

namespace farro::data {

template <class Item>
class OrderedWorkers {
 public:
  // `make(number)` runs on any of the workers, several at a time.
  OrderedWorkers(int workers, int ahead, int64_t start, std::function<Item(int64_t)> make)
      : make_(std::move(make)), slots_(static_cast<size_t>(ahead)), next_to_make_(start), next_to_take_(start) {
    try {
      for (int i = 0; i < workers; ++i) threads_.emplace_back([this] { work(); });
    } catch (const std::system_error& error) {
      stop();
      fail<OutOfMemoryError>("out of threads: the system must allow ", workers, " workers, got ", threads_.size(), " (",
                             error.what(), ")");
    } catch (...) {
      stop();
      throw;
    }
  }
  ~OrderedWorkers() { stop(); }
  OrderedWorkers(const OrderedWorkers&) = delete;
  OrderedWorkers& operator=(const OrderedWorkers&) = delete;

  // Waits for the next item. Rethrows what its making threw; asking again throws again.
  Item next() {
    std::unique_lock lock(mutex_);
    Slot& slot = slot_of(next_to_take_);
    made_.wait(lock, [&] { return slot.item || slot.error; });
    if (slot.error) std::rethrow_exception(slot.error);
    Item item = std::move(*slot.item);
    slot.item.reset();
    ++next_to_take_;
    lock.unlock();
    room_.notify_one();
    return item;
  }

 private:
  struct Slot {
    std::optional<Item> item;
    std::exception_ptr error;
  };
  Slot& slot_of(int64_t number) { return slots_[static_cast<size_t>(number) % slots_.size()]; }

  void stop() noexcept {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    room_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }

  void work() {
    // The consumer's computation has the pool of threads; a worker that used it too would slow both.
    const SerialGuard serial;
    std::unique_lock lock(mutex_);
    const auto has_room = [this] {
      return next_to_make_ - next_to_take_ < static_cast<int64_t>(slots_.size()) && next_to_make_ < INT64_MAX;
    };
    for (;;) {
      room_.wait(lock, [&] { return stopping_ || has_room(); });
      if (stopping_) return;
      const int64_t number = next_to_make_++;
      lock.unlock();
      Slot made;
      try {
        made.item = make_(number);
      } catch (...) {
        made.error = std::current_exception();
      }
      lock.lock();
      slot_of(number) = std::move(made);
      made_.notify_one();
    }
  }

  const std::function<Item(int64_t)> make_;
  std::mutex mutex_;
  std::condition_variable room_, made_;
  std::vector<Slot> slots_;
  int64_t next_to_make_;
  int64_t next_to_take_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace farro::data
