// SPDX-License-Identifier: Apache-2.0
// Batches of a data set, in an order that seed and epoch determine: whichever worker makes a batch and however many
// there are, a batch is a function of its position, so that a run can be resumed anywhere.
#include <farro/data/loader/loader.h>

#include <farro/core/random/generator.h>
#include <farro/core/util/checked.h>
#include <farro/data/loader/detail/pipeline.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <numeric>

namespace farro::data {

namespace {
// Far above what helps; beyond it memory or threads run out before the first batch.
constexpr int kMostWorkers = 1024, kMostPrefetch = 1 << 16;
}  // namespace

// The orders of the epochs being made; workers may be one epoch ahead of the caller.
struct DataLoader::OrderCache {
  std::mutex mutex;
  int64_t epochs[2] = {-1, -1};
  std::shared_ptr<const std::vector<int64_t>> orders[2];
};

// Makes the batch of a linear position, epoch * batches + number.
class DataLoader::Pipeline : public OrderedWorkers<Batch> {
 public:
  Pipeline(DataLoader& loader, int64_t start)
      : OrderedWorkers(loader.options_.workers, loader.options_.prefetch, start,
                       [&loader](int64_t at) { return loader.make(at / loader.batches_, at % loader.batches_); }) {}
};

DataLoader::DataLoader(const Dataset& dataset, LoaderOptions options)
    : dataset_(dataset), options_(std::move(options)), orders_(std::make_unique<OrderCache>()) {
  const LoaderOptions& o = options_;
  FARRO_CHECK(o.batch_size >= 1, ValueError, "DataLoader: batch_size must be at least 1, got ", o.batch_size);
  FARRO_CHECK(o.workers >= 0 && o.workers <= kMostWorkers && o.prefetch >= 1 && o.prefetch <= kMostPrefetch, ValueError,
              "DataLoader: workers must be in [0, ", kMostWorkers, "] and prefetch in [1, ", kMostPrefetch, "], got ",
              o.workers, " and ", o.prefetch);
  for (const Transform& transform : o.transforms)
    FARRO_CHECK(transform, ValueError, "DataLoader: transforms must be callable, got an empty function");
  FARRO_CHECK(o.world_size >= 1 && o.rank >= 0 && o.rank < o.world_size, ValueError,
              "DataLoader: rank must be in [0, world_size), got ", o.rank, " of ", o.world_size);
  const int64_t total = dataset.size();
  // Every rank gets equally many; without drop_last the first samples fill up what is missing at the end.
  samples_ = o.drop_last ? total / o.world_size : (total + o.world_size - 1) / o.world_size;
  batches_ = o.drop_last ? samples_ / o.batch_size : samples_ / o.batch_size + (samples_ % o.batch_size != 0);
}

DataLoader::~DataLoader() = default;

int64_t DataLoader::samples() const noexcept { return options_.drop_last ? batches_ * options_.batch_size : samples_; }

// Fisher and Yates' shuffle; empty for the dataset's own order.
std::shared_ptr<const std::vector<int64_t>> DataLoader::order_of(int64_t epoch) {
  if (!options_.shuffle) return nullptr;
  const std::lock_guard lock(orders_->mutex);
  // Workers may be at two neighbouring epochs, never more.
  const int slot = static_cast<int>(epoch % 2);
  if (orders_->epochs[slot] == epoch) return orders_->orders[slot];
  auto order = std::make_shared<std::vector<int64_t>>(static_cast<size_t>(dataset_.size()));
  std::iota(order->begin(), order->end(), int64_t{0});
  // A stream of its own, apart from the transforms' (bit 63) and the default generators' (small numbers).
  RandomSequence random(
      {.seed = options_.seed, .stream = uint64_t{1} << 62 | static_cast<uint64_t>(epoch), .offset = 0});
  for (size_t i = order->size(); i > 1; --i) std::swap((*order)[i - 1], (*order)[random.below(i)]);
  orders_->epochs[slot] = epoch;
  orders_->orders[slot] = order;
  return order;
}

Batch DataLoader::make(int64_t epoch, int64_t number) {
  const auto order = order_of(epoch);
  const int64_t first = number * options_.batch_size, last = first + std::min(samples_ - first, options_.batch_size);
  Batch batch;
  for (int64_t i = first; i < last; ++i) {
    const int64_t at = (i * options_.world_size + options_.rank) % dataset_.size();
    batch.indices.push_back(order ? (*order)[static_cast<size_t>(at)] : at);
  }
  batch.tensors = dataset_.get_batch(batch.indices);
  FARRO_CHECK(options_.transforms.empty() || !batch.tensors.empty(), ValueError,
              "DataLoader: a sample must have a tensor for the transforms, got one without");
  BatchInfo info{.seed = options_.seed, .epoch = epoch, .indices = batch.indices};
  for (const Transform& transform : options_.transforms) {
    batch.tensors[0] = transform(batch.tensors[0], info);
    ++info.transform;
  }
  return batch;
}

bool DataLoader::next(Batch& batch) {
  if (position_ >= batches_) {
    check_epoch("next", epoch_ + 1);
    ++epoch_;
    position_ = 0;
    return false;
  }
  const auto start = std::chrono::steady_clock::now();
  if (options_.workers == 0) {
    batch = make(epoch_, position_);
  } else {
    if (!pipeline_) pipeline_ = std::make_unique<Pipeline>(*this, epoch_ * batches_ + position_);
    batch = pipeline_->next();
  }
  wait_seconds_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  ++position_;
  return true;
}

// Batches are counted through all epochs.
void DataLoader::check_epoch(const char* function, int64_t epoch) const {
  FARRO_CHECK(epoch >= 0, ValueError, function, ": epoch must be at least 0, got ", epoch);
  FARRO_CHECK(((Checked(epoch) + 1) * std::max<int64_t>(batches_, 1)).ok(), ValueError, function,
              ": the batches up to the end of the epoch must be fewer than 2^63, got epoch ", epoch, " of ", batches_,
              " batches");
}

void DataLoader::seek(int64_t epoch, int64_t position) {
  // Batches that were made ahead belong to the old position.
  pipeline_.reset();
  epoch_ = epoch;
  position_ = position;
}

void DataLoader::start_epoch(int64_t epoch) {
  check_epoch("start_epoch", epoch);
  if (epoch != epoch_ || position_ != 0) seek(epoch, 0);
}

StateDict DataLoader::state_dict() const {
  StateDict state;
  // What the order depends on is saved as well, so that resuming under other settings is an error and not another
  // order.
  state.set_number("epoch", epoch_);
  state.set_number("position", position_);
  state.set_number("seed", static_cast<int64_t>(options_.seed));
  state.set_number("samples", dataset_.size());
  state.set_number("batch_size", options_.batch_size);
  state.set_number("world_size", options_.world_size);
  state.set_number("shuffle", int64_t{options_.shuffle});
  state.set_number("drop_last", int64_t{options_.drop_last});
  return state;
}

void DataLoader::load_state_dict(const StateDict& state) {
  const StateDict own = state_dict();
  for (const char* name : {"seed", "samples", "batch_size", "world_size", "shuffle", "drop_last"})
    FARRO_CHECK(state.integer(name) == own.integer(name), ValueError, "load_state_dict: ", name,
                " must be the loader's, ", own.integer(name), ", to go on exactly, got ", state.integer(name));
  const int64_t epoch = state.integer("epoch"), position = state.integer("position");
  FARRO_CHECK(epoch >= 0 && position >= 0 && position <= batches_, ValueError,
              "load_state_dict: epoch must be at least 0 and position at most ", batches_, ", got ", epoch, " and ",
              position);
  check_epoch("load_state_dict", epoch);
  seek(epoch, position);
}

}  // namespace farro::data
