// SPDX-License-Identifier: Apache-2.0
// DataLoader: order, resuming, workers, errors; datasets and transforms.
#include <farro/data/dataset/fashion_mnist.h>
#include <farro/data/dataset/text.h>
#include <farro/data/loader/loader.h>
#include <farro/kernels/memory/factories.h>

#include <gmock/gmock.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <numeric>
#include <thread>

namespace farro::data {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

using Ints = std::vector<int64_t>;

TensorDataset numbers(int64_t count) { return TensorDataset({arange(count), arange(count) * 10}); }

// The samples of the rest of an epoch, batch by batch.
std::vector<Ints> rest_of_epoch(DataLoader& loader) {
  std::vector<Ints> out;
  for (const Batch& batch : loader) {
    out.push_back(batch[0].to_vector<int64_t>());
    EXPECT_EQ(batch[0].to_vector<int64_t>(), batch.indices);
    EXPECT_EQ((batch[0] * 10).to_vector<int64_t>(), batch[1].to_vector<int64_t>());
  }
  return out;
}

Ints flat(const std::vector<Ints>& batches) {
  Ints out;
  for (const Ints& batch : batches) out.insert(out.end(), batch.begin(), batch.end());
  return out;
}

TEST(DataLoader, GoesThroughInOrder) {
  const TensorDataset dataset = numbers(7);
  DataLoader loader(dataset, {.batch_size = 3});
  EXPECT_EQ(loader.batches(), 3);
  EXPECT_THAT(rest_of_epoch(loader), ElementsAre(Ints{0, 1, 2}, Ints{3, 4, 5}, Ints{6}));
  EXPECT_EQ(loader.epoch(), 1);
  DataLoader full(dataset, {.batch_size = 3, .drop_last = true});
  EXPECT_THAT(rest_of_epoch(full), ElementsAre(Ints{0, 1, 2}, Ints{3, 4, 5}));
}

TEST(DataLoader, RefusesEpochsThatCannotBeCounted) {
  const TensorDataset dataset = numbers(5);
  for (int workers : {0, 1}) {
    DataLoader loader(dataset, {.batch_size = 2, .shuffle = true, .workers = workers});
    StateDict state = loader.state_dict().clone();
    for (int64_t epoch : {int64_t{-1}, INT64_MIN, int64_t{1} << 62, INT64_MAX, INT64_MAX / 3}) {
      state.set_number("epoch", epoch);
      EXPECT_THROW(loader.load_state_dict(state), ValueError) << epoch;
      EXPECT_THROW(loader.start_epoch(epoch), ValueError) << epoch;
    }
    EXPECT_EQ(loader.epoch(), 0);
    // The last that can: its batches are made, and the next epoch is an error instead of a wrapped number.
    loader.start_epoch(INT64_MAX / 3 - 1);
    Batch batch;
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(loader.next(batch));
    EXPECT_THROW(loader.next(batch), ValueError);
  }
  // Without batches there is nothing to count but the epochs.
  const TensorDataset none = numbers(0);
  DataLoader empty(none, {.batch_size = 2});
  EXPECT_THROW(empty.start_epoch(INT64_MAX), ValueError);
  EXPECT_NO_THROW(empty.start_epoch(INT64_MAX - 1));
  // A batch as large as a number gets is the whole set.
  DataLoader whole(dataset, {.batch_size = INT64_MAX});
  EXPECT_THAT(rest_of_epoch(whole), ElementsAre(Ints{0, 1, 2, 3, 4}));
}

TEST(Transforms, RandomCropRefusesAPaddingBeyondAnyImage) {
  EXPECT_THROW(random_crop({.size = {2}, .padding = INT64_MAX}), ValueError);
  EXPECT_THROW(random_crop({.size = {2}, .padding = int64_t{1} << 31}), ValueError);
}

TEST(DataLoader, ShufflesAnewEachEpochAndTheSameWithAnyWorkers) {
  const TensorDataset dataset = numbers(100);
  std::vector<std::vector<Ints>> runs;
  for (int workers : {0, 1, 3}) {
    DataLoader loader(dataset, {.batch_size = 8, .shuffle = true, .workers = workers, .prefetch = 2, .seed = 5});
    runs.push_back({flat(rest_of_epoch(loader)), flat(rest_of_epoch(loader)), flat(rest_of_epoch(loader))});
  }
  EXPECT_EQ(runs[0], runs[1]);
  EXPECT_EQ(runs[0], runs[2]);
  EXPECT_NE(runs[0][0], runs[0][1]);
  for (Ints epoch : runs[0]) {
    std::sort(epoch.begin(), epoch.end());
    Ints all(100);
    std::iota(all.begin(), all.end(), 0);
    EXPECT_EQ(epoch, all);
  }
}

TEST(DataLoader, ResumesWithTheNextBatch) {
  const TensorDataset dataset = numbers(50);
  const LoaderOptions options{.batch_size = 4, .shuffle = true, .workers = 2, .seed = 9};
  DataLoader whole(dataset, options);
  const std::vector<Ints> first = rest_of_epoch(whole), second = rest_of_epoch(whole);

  DataLoader part(dataset, options);
  rest_of_epoch(part);
  Batch batch;
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(part.next(batch));
  const StateDict state = part.state_dict();
  DataLoader resumed(dataset, options);
  Batch unused;
  resumed.next(unused);
  resumed.load_state_dict(state);
  EXPECT_EQ(rest_of_epoch(resumed), std::vector<Ints>(second.begin() + 5, second.end()));
  resumed.start_epoch(0);
  EXPECT_EQ(rest_of_epoch(resumed), first);

  DataLoader other(dataset, {.batch_size = 5, .shuffle = true, .seed = 9});
  EXPECT_THROW(other.load_state_dict(state), ValueError);
}

TEST(DataLoader, RanksShareTheSamples) {
  const TensorDataset dataset = numbers(7);
  Ints together;
  for (int rank : {0, 1, 2}) {
    DataLoader loader(dataset, {.batch_size = 2, .shuffle = true, .seed = 1, .rank = rank, .world_size = 3});
    const Ints own = flat(rest_of_epoch(loader));
    EXPECT_EQ(own.size(), 3u);
    together.insert(together.end(), own.begin(), own.end());
  }
  std::sort(together.begin(), together.end());
  together.erase(std::unique(together.begin(), together.end()), together.end());
  EXPECT_EQ(together.size(), 7u);
}

struct Failing final : Dataset {
  int64_t size() const override { return 10; }
  Sample get(int64_t index) const override {
    FARRO_CHECK(index != 5, IoError, "get: sample must be readable, got number ", index);
    return {scalar_tensor(index)};
  }
};

TEST(DataLoader, ErrorsOfWorkersKeepTheirType) {
  const Failing dataset;
  for (int workers : {0, 2}) {
    DataLoader loader(dataset, {.batch_size = 2, .workers = workers});
    Batch batch;
    EXPECT_TRUE(loader.next(batch));
    EXPECT_TRUE(loader.next(batch));
    EXPECT_THROW(loader.next(batch), IoError);
    EXPECT_THROW(loader.next(batch), IoError);
  }
}

struct Slow final : Dataset {
  mutable std::atomic<int> made{0};
  int64_t size() const override { return 1000; }
  Sample get(int64_t index) const override {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    ++made;
    return {scalar_tensor(index)};
  }
};

TEST(DataLoader, WorkersStayWithinThePrefetchAndStopCleanly) {
  const Slow dataset;
  {
    DataLoader loader(dataset, {.batch_size = 1, .workers = 2, .prefetch = 3});
    Batch batch;
    EXPECT_TRUE(loader.next(batch));
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    EXPECT_LE(dataset.made, 4);
    EXPECT_GT(loader.input_wait_seconds(), 0);
  }
  const int made = dataset.made;
  std::this_thread::sleep_for(std::chrono::milliseconds(5));
  EXPECT_EQ(dataset.made, made);
}

TEST(DataLoader, OptionsOutOfRangeAreErrors) {
  const TensorDataset dataset = numbers(4);
  EXPECT_THROW(DataLoader(dataset, {.batch_size = 0}), ValueError);
  EXPECT_EQ(DataLoader(dataset, {.batch_size = INT64_MAX}).batches(), 1);
  DataLoader shuffled(dataset, {.shuffle = true}), plain(dataset, {});
  EXPECT_THROW(plain.load_state_dict(shuffled.state_dict()), ValueError);
  EXPECT_THROW(DataLoader(dataset, {.workers = -1}), ValueError);
  EXPECT_THROW(DataLoader(dataset, {.rank = 2, .world_size = 2}), ValueError);
  DataLoader empty(dataset, {.batch_size = 5, .drop_last = true});
  EXPECT_TRUE(rest_of_epoch(empty).empty());
}

TEST(Dataset, RowsMustMatch) {
  EXPECT_THROW(TensorDataset({arange(3), arange(4)}), ValueError);
  EXPECT_THROW(TensorDataset({}), ValueError);
  const TensorDataset dataset = numbers(4);
  EXPECT_THROW(dataset.get(4), IndexError);
  EXPECT_THROW(Subset(dataset, {4}), IndexError);
  const Subset odd(dataset, {1, 3});
  EXPECT_EQ(odd.get_batch(Ints{1, 0})[1].to_vector<int64_t>(), (Ints{30, 10}));
}

TEST(Text, BlocksAndTheirTargets) {
  const std::string text = "hello world";
  const ByteVocabulary vocabulary(text);
  EXPECT_EQ(vocabulary.bytes(), " dehlorw");
  const Tensor tokens = vocabulary.encode(text);
  EXPECT_EQ(vocabulary.decode(tokens), text);
  EXPECT_THROW(vocabulary.encode("hex"), ValueError);
  const TextDataset blocks(tokens, {.block_size = 4});
  EXPECT_EQ(blocks.size(), 2);
  EXPECT_EQ(vocabulary.decode(blocks.get(1)[0]), "o wo");
  EXPECT_EQ(vocabulary.decode(blocks.get(1)[1]), " wor");
  const TextDataset every(tokens, {.block_size = 4, .stride = 1});
  EXPECT_EQ(every.size(), 7);
  EXPECT_EQ(vocabulary.decode(every.get_batch(Ints{0, 6})[1]), "elloorld");
}

BatchInfo info_of(const Ints& indices, int64_t epoch = 0) { return {.seed = 3, .epoch = epoch, .indices = indices}; }

TEST(Transform, NormalizeScalesBytes) {
  const Tensor bytes = tensor(std::vector<uint8_t>{0, 255, 51, 102}, {1, 2, 1, 2});
  const Tensor out = normalize({0.5, 0}, {0.5, 0.2})(bytes, info_of({0}));
  EXPECT_THAT(out.to_vector<double>(), ::testing::Pointwise(::testing::DoubleNear(1e-6), {-1.0, 1.0, 1.0, 2.0}));
  EXPECT_EQ(normalize({1}, {2})(ones({1, 3, 2, 2}) * 5, info_of({0})).to_vector<double>(), std::vector<double>(12, 2));
  EXPECT_THROW(normalize({0, 0}, {1, 1})(ones({1, 3, 2, 2}), info_of({0})), ShapeError);
  EXPECT_THROW(normalize({0}, {0}), ValueError);
}

TEST(Transform, RandomChangesDependOnTheSampleAlone) {
  const Tensor images = arange(4 * 2 * 5 * 5).view({4, 2, 5, 5});
  const Ints order{0, 1, 2, 3}, reversed{3, 2, 1, 0};
  for (const Transform& transform : {random_crop({.size = 5, .padding = 2}), random_horizontal_flip()}) {
    const Tensor a = transform(images, info_of(order));
    std::vector<Tensor> rows = images.split(1);
    Tensor backwards = empty(images.sizes(), {.dtype = DType::i64});
    for (int64_t i = 0; i < 4; ++i) backwards[i].copy_(images[3 - i]);
    const Tensor b = transform(backwards, info_of(reversed));
    for (int64_t i = 0; i < 4; ++i) EXPECT_EQ(a[i].to_vector<int64_t>(), b[3 - i].to_vector<int64_t>());
    Ints many(64);
    std::iota(many.begin(), many.end(), 0);
    const Tensor big = arange(64 * 25).view({64, 1, 5, 5});
    EXPECT_NE(transform(big, info_of(many, 0)).to_vector<int64_t>(),
              transform(big, info_of(many, 1)).to_vector<int64_t>());
  }
}

TEST(Transform, CropTakesAWindowAndPadsWithZeros) {
  const Tensor images = ones({200, 1, 4, 6}, {.dtype = DType::i64});
  Ints indices(200);
  std::iota(indices.begin(), indices.end(), 0);
  const Tensor out = random_crop({.size = {4, 6}, .padding = 1})(images, info_of(indices));
  bool shifted[3][3] = {};
  for (int64_t i = 0; i < 200; ++i) {
    const Ints v = out[i].to_vector<int64_t>();
    const int64_t sum = std::accumulate(v.begin(), v.end(), int64_t{0});
    // 4 or 3 rows of 6 or 5 columns remain.
    EXPECT_TRUE(sum == 24 || sum == 20 || sum == 18 || sum == 15) << sum;
    const int y = v[2] == 0 ? 0 : v[20] == 0 ? 2 : 1, x = v[6] == 0 ? 0 : v[11] == 0 ? 2 : 1;
    shifted[y][x] = true;
  }
  for (const auto& row : shifted) EXPECT_THAT(row, ::testing::Each(true));
  EXPECT_THROW(random_crop({.size = 7})(images, info_of(indices)), ShapeError);
}

TEST(Transform, FlipMirrorsRows) {
  const Tensor image = tensor(std::vector<int32_t>{1, 2, 3, 4, 5, 6}, {1, 1, 2, 3});
  EXPECT_EQ(random_horizontal_flip(1)(image, info_of({0})).to_vector<int64_t>(), (Ints{3, 2, 1, 6, 5, 4}));
  EXPECT_EQ(random_horizontal_flip(0)(image, info_of({0})).to_vector<int64_t>(), (Ints{1, 2, 3, 4, 5, 6}));
}

TEST(FashionMnist, ReadsTheInstalledFiles) {
  if (!std::filesystem::exists(kFashionMnistFolder)) GTEST_SKIP() << "dataset-fashion-mnist is not installed";
  const FashionMnist test(Split::test);
  EXPECT_EQ(test.size(), 10'000);
  EXPECT_EQ(test.get(0)[0].sizes(), (Shape{1, 28, 28}));
  EXPECT_EQ(test.get(0)[1].item<int64_t>(), 9);
  Ints per_class(10);
  for (int64_t label : test.tensors()[1].to_vector<int64_t>()) ++per_class.at(size_t(label));
  EXPECT_THAT(per_class, ::testing::Each(1000));
  EXPECT_THROW(FashionMnist(Split::train, "/nowhere"), IoError);
}

}  // namespace
}  // namespace farro::data
