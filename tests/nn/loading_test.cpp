// SPDX-License-Identifier: Apache-2.0
// States that are loaded into modules and loaders: whole or not at all; callbacks and counts that cannot work.
#include <farro/data/loader/loader.h>
#include <farro/kernels/memory/factories.h>
#include <farro/kernels/pointwise/arithmetic.h>
#include <farro/nn/layers/batch_norm.h>
#include <farro/nn/layers/linear.h>

#include <gmock/gmock.h>
#include <sys/resource.h>

#include <climits>
#include <cstdint>
#include <fstream>
#include <limits>

namespace farro::nn {
namespace {

using testing::HasSubstr;
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

struct Net : Module {
  Linear fc{*this, "fc", {.in_features = 2, .out_features = 2}};
  BatchNorm1d norm{*this, "norm", {.num_features = 2}};
};

std::vector<std::vector<double>> numbers(const StateDict& state) {
  std::vector<std::vector<double>> out;
  for (const auto& [name, tensor] : state) out.push_back(tensor.to_vector<double>());
  return out;
}

TEST(Loading, ABufferRefusesValuesItCannotHave) {
  Net net;
  const auto before = numbers(net.state_dict().clone());
  const auto expect_refused = [&](const char* name, const Tensor& value) {
    StateDict state = net.state_dict().clone();
    state.set("fc.weight", full({2, 2}, 7.0));
    state.set(name, value);
    for (const LoadMode mode : {LoadMode::strict, LoadMode::lenient}) {
      EXPECT_THROW(net.load_state_dict(state, mode), UserError) << name;
      EXPECT_EQ(numbers(net.state_dict()), before) << name;
    }
  };
  expect_refused("norm.num_batches_tracked", full({}, -1));
  expect_refused("norm.num_batches_tracked", full({}, kNan));  // floating: it has no whole number
  expect_refused("norm.running_var", tensor(std::vector<float>{1, -1}));
  expect_refused("norm.running_mean", empty({2}, {.device = Device::meta()}));
}

TEST(Loading, AnIntegerBufferRefusesWhatDoesNotFit) {
  Module module;
  module.register_buffer("bytes", zeros({2}, {.dtype = DType::u8}));
  StateDict state;
  state.set("bytes", tensor(std::vector<int64_t>{1, 255}));
  module.load_state_dict(state);
  for (const int64_t bad : {-1, 256}) {
    state.set("bytes", tensor(std::vector<int64_t>{1, bad}));
    EXPECT_THROW(module.load_state_dict(state), ValueError);
  }
  EXPECT_EQ(module.state_dict().at("bytes").to_vector<int64_t>(), (std::vector<int64_t>{1, 255}));
}

TEST(Loading, WeightsOfTheModuleItselfAreExchanged) {
  Module module;
  module.register_parameter("a", full({2}, 1.0));
  module.register_parameter("b", full({2}, 2.0));
  StateDict crossed;
  crossed.set("a", module.state_dict().at("b"));
  crossed.set("b", module.state_dict().at("a"));
  module.load_state_dict(crossed);
  EXPECT_EQ(module.state_dict().at("a")[0].item(), 2);
  EXPECT_EQ(module.state_dict().at("b")[0].item(), 1);
}

TEST(Loading, EntriesOfATemporaryOutliveIt) {
  Net net;
  size_t count = 0;
  for (const auto& [name, tensor] : net.state_dict().entries())
    count += name.size() + static_cast<size_t>(tensor.numel());
  EXPECT_GT(count, 20u);
  const Tensor& weight = net.state_dict().at("fc.weight");
  EXPECT_EQ(weight.sizes(), (Shape{2, 2}));
}

TEST(Loading, NumbersOfAStateDictAreWhole) {
  StateDict state;
  for (const double bad : {kNan, 0.5, 0x1p63, -0x1.8p63}) {
    state.set_number("n", bad);
    EXPECT_THROW(state.integer("n"), ValueError) << bad;
  }
  state.set_number("n", 3.0);
  EXPECT_EQ(state.integer("n"), 3);
  EXPECT_THROW(state.set_number("\xff", 1), ValueError);
  Module module;
  EXPECT_THROW(module.register_buffer("\xff", zeros({1})), ValueError);
}

TEST(Loading, EmptyFunctionsAreRefusedWhereTheyAreGiven) {
  Net net;
  EXPECT_THROW(net.register_forward_hook(nullptr), ValueError);
  EXPECT_THROW(net.register_forward_pre_hook({}), ValueError);
  EXPECT_THROW(net.apply(nullptr), ValueError);
  EXPECT_THROW(ones({1}).set_requires_grad().register_hook(nullptr), ValueError);
  const data::TensorDataset set({zeros({3, 1})});
  EXPECT_THROW(data::DataLoader(set, {.transforms = {nullptr}}), ValueError);
}

TEST(Loading, ALoaderRefusesCountsThatCannotWork) {
  const data::TensorDataset set({zeros({5, 1})});
  for (const int workers : {100'000, 1025, -1}) EXPECT_THROW(data::DataLoader(set, {.workers = workers}), ValueError);
  for (const int prefetch : {INT_MAX, 65537, 0})
    EXPECT_THROW(data::DataLoader(set, {.workers = 1, .prefetch = prefetch}), ValueError);
  for (const int workers : {0, 1}) {
    data::DataLoader loader(set, {.batch_size = 2, .shuffle = true, .workers = workers});
    data::Batch batch;
    ASSERT_TRUE(loader.next(batch));
    for (const int64_t epoch : {int64_t{1} << 62, INT64_MAX, INT64_MAX / 3, int64_t{-1}}) {
      StateDict state = loader.state_dict().clone();
      state.set_number("epoch", epoch);
      EXPECT_THROW(loader.load_state_dict(state), ValueError) << epoch;
      EXPECT_THROW(loader.start_epoch(epoch), ValueError) << epoch;
    }
    for (const double value : {kNan, 0.5, -1.0, 4.0}) {
      StateDict state = loader.state_dict().clone();
      state.set_number("position", value);
      EXPECT_THROW(loader.load_state_dict(state), ValueError) << value;
    }
    EXPECT_EQ(loader.epoch(), 0);
    EXPECT_EQ(loader.position(), 1);
    ASSERT_TRUE(loader.next(batch));
    loader.start_epoch(INT64_MAX / 3 - 2);
    ASSERT_TRUE(loader.next(batch));
  }
}

TEST(Loading, WorkersThatCannotStartAreATypedErrorAndTheLoaderGoesOn) {
  if (kBypassCaches) GTEST_SKIP() << "a sanitizer needs the address space";
  const data::TensorDataset set({zeros({5, 1})});
  data::DataLoader loader(set, {.workers = 64});
  data::Batch batch;
  rlimit before;
  ::getrlimit(RLIMIT_AS, &before);
  size_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  const rlimit limit{pages * 4096 + (40 << 20), before.rlim_max};  // a thread's stack has 8 MiB
  ::setrlimit(RLIMIT_AS, &limit);
  try {
    loader.next(batch);
    ADD_FAILURE() << "no error";
  } catch (const OutOfMemoryError& error) {
    EXPECT_THAT(error.what(), HasSubstr("64 workers"));
  }
  ::setrlimit(RLIMIT_AS, &before);
  EXPECT_TRUE(loader.next(batch));
  EXPECT_EQ(batch.indices, std::vector<int64_t>{0});
}

}  // namespace
}  // namespace farro::nn
