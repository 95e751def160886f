// SPDX-License-Identifier: Apache-2.0
// DataLoader: batches of a dataset in a seeded order, made by worker threads ahead of time and handed out in order.
// What it gives depends on the seed, the epoch and the batch number alone: not on the number of workers, and a loader
// whose state was loaded goes on with exactly the batch that would have come next.
//
//     data::DataLoader loader(train, {.batch_size = 64, .shuffle = true, .workers = 1, .transforms = {...}});
//     for (int epoch = 0; epoch < 5; ++epoch)
//       for (const data::Batch& batch : loader) loss = net(batch[0]) ... batch[1];
#pragma once

#include <farro/core/api.h>
#include <farro/core/state/state_dict.h>
#include <farro/data/dataset/dataset.h>
#include <farro/data/transform/transform.h>

#include <cstdint>
#include <iterator>
#include <memory>
#include <vector>

namespace farro::data {

struct LoaderOptions {
  int64_t batch_size = 1;
  bool shuffle = false;
  bool drop_last = false;                  // leave out a last batch that is not full
  int workers = 0;                         // threads, at most 1024; 0: batches are made by the caller, when it asks
  int prefetch = 4;                        // batches made ahead, at most; itself at most 65536
  uint64_t seed = 0;                       // of the order and of random transforms
  std::vector<Transform> transforms = {};  // of each batch's first tensor, in order
  // For data-parallel training: every world_size-th sample, from `rank` on; all ranks get equally many (the first
  // samples come again at the end where they do not divide, or, with drop_last, the rest is left out).
  int rank = 0;
  int world_size = 1;
};

struct Batch {
  Sample tensors;
  std::vector<int64_t> indices;  // of its samples
  const Tensor& operator[](size_t i) const& { return tensors[i]; }
  Tensor operator[](size_t i) && { return tensors[i]; }
  int64_t size() const noexcept { return static_cast<int64_t>(indices.size()); }
};

class FARRO_API DataLoader {
 public:
  // The dataset must outlive the loader. ValueError for options out of range.
  DataLoader(const Dataset& dataset, LoaderOptions options);
  ~DataLoader();  // waits for the batches being made
  DataLoader(const DataLoader&) = delete;
  DataLoader& operator=(const DataLoader&) = delete;

  int64_t batches() const noexcept { return batches_; }  // in an epoch
  int64_t batch_size() const noexcept { return options_.batch_size; }
  int64_t samples() const noexcept;  // in all batches of an epoch
  // Where the next batch stands: epoch, and number in it.
  int64_t epoch() const noexcept { return epoch_; }
  int64_t position() const noexcept { return position_; }

  // The next batch. At the end of an epoch false, once, and the loader stands at the start of the next. What a dataset
  // or transform threw on a worker is thrown here, each time that batch is asked for. OutOfMemoryError where the system
  // has no room for the workers' threads; a call that threw has changed nothing.
  bool next(Batch& batch);
  // Stands at the start of an epoch, e.g. after leaving one early. ValueError where (epoch + 1) * batches() is not
  // below 2^63.
  void start_epoch(int64_t epoch);

  // A loop over the rest of the epoch.
  class Iterator {
   public:
    using value_type = Batch;
    using difference_type = std::ptrdiff_t;
    explicit Iterator(DataLoader& loader) : loader_(&loader) { ++*this; }
    const Batch& operator*() const noexcept { return batch_; }
    Iterator& operator++() {
      batch_ = {};  // its memory may serve the next batch
      ended_ = !loader_->next(batch_);
      return *this;
    }
    void operator++(int) { ++*this; }
    bool operator==(std::default_sentinel_t) const noexcept { return ended_; }

   private:
    DataLoader* loader_;
    Batch batch_;
    bool ended_ = false;
  };
  Iterator begin() { return Iterator(*this); }
  std::default_sentinel_t end() const noexcept { return {}; }

  // Seconds that next() has waited for a batch (or made it, without workers): what a faster input would save.
  double input_wait_seconds() const noexcept { return wait_seconds_; }

  // "epoch", "position", and what the order depends on (but the rank: one state serves all). ValueError where that
  // differs: the run could not go on exactly.
  StateDict state_dict() const;
  void load_state_dict(const StateDict& state);

 private:
  class Pipeline;
  Batch make(int64_t epoch, int64_t number);
  std::shared_ptr<const std::vector<int64_t>> order_of(int64_t epoch);
  void check_epoch(const char* function, int64_t epoch) const;
  void seek(int64_t epoch, int64_t position);

  const Dataset& dataset_;
  const LoaderOptions options_;
  int64_t samples_ = 0;  // of this rank in an epoch
  int64_t batches_ = 0;
  int64_t epoch_ = 0;
  int64_t position_ = 0;
  double wait_seconds_ = 0;

  struct OrderCache;
  std::unique_ptr<OrderCache> orders_;
  std::unique_ptr<Pipeline> pipeline_;  // runs from the first next() on; last: stopped before the rest goes
};

}  // namespace farro::data
