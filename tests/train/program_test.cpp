// SPDX-License-Identifier: Apache-2.0
// The frame of a program: exit codes, the line of an error, signals, and the choice of a device.
#include <farro/core/device/backend.h>
#include <farro/core/error/error.h>
#include <farro/core/random/generator.h>
#include <farro/kernels/memory/factories.h>
#include <farro/kernels/random/dropout.h>
#include <farro/nn/layers/linear.h>
#include <farro/train/program/device.h>
#include <farro/train/program/program.h>
#include <farro/train/run/stop_signals.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string>

namespace farro::training {
namespace {

using testing::HasSubstr;

struct Outcome {
  int code;
  std::string errors;
};
Outcome run(const std::function<void()>& body) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> errors(std::tmpfile(), &std::fclose);
  const int code = run_program("mine", errors.get(), body);
  std::string text(static_cast<size_t>(std::ftell(errors.get())), '\0');
  std::rewind(errors.get());
  text.resize(std::fread(text.data(), 1, text.size(), errors.get()));
  return {code, text};
}

TEST(RunProgram, AnErrorIsOneLine) {
  EXPECT_EQ(run([] {}).code, 0);
  const Outcome typed = run([] { fail<ValueError>("x: must be 1, got 2"); });
  EXPECT_EQ(typed.code, 1);
  EXPECT_EQ(typed.errors, "mine: ValueError: x: must be 1, got 2\n");
  const Outcome other = run([] { throw std::runtime_error("no"); });
  EXPECT_EQ(other.code, 1);
  EXPECT_EQ(other.errors, "mine: no\n");
}

TEST(RunProgram, ASignalIsItsExitCode) {
  const Outcome stopped = run([] {
    EXPECT_FALSE(stop_requested());
    ::raise(SIGINT);
    EXPECT_TRUE(stop_requested());
  });
  EXPECT_EQ(stopped.code, 128 + SIGINT);
  EXPECT_EQ(stopped.errors, "");
  EXPECT_EQ(run([] {}).code, 0);  // forgotten
}

int passed_on = 0;

TEST(StopSignals, ASecondSignalAndALaterOneGoToTheEarlierHandler) {
  struct sigaction mine {};
  struct sigaction before {};
  mine.sa_handler = [](int) { ++passed_on; };
  ::sigaction(SIGTERM, &mine, &before);
  {
    const StopSignals signals;
    EXPECT_THROW(StopSignals(), ValueError);
    ::raise(SIGTERM);
    EXPECT_EQ(stop_signal(), SIGTERM);
    EXPECT_EQ(passed_on, 0);
    ::raise(SIGTERM);
    EXPECT_EQ(passed_on, 1);
  }
  ::raise(SIGTERM);
  EXPECT_EQ(passed_on, 2);
  ::sigaction(SIGTERM, &before, nullptr);
}

struct Net : nn::Module {
  nn::Linear fc{*this, "fc", {.in_features = 2, .out_features = 2}};
  Tensor forward(const Tensor& x) override { return dropout(fc(x), 0.5, is_training()); }
};

TEST(ChooseDevice, TriesTheNetworkAndLeavesItAsItWas) {
  Net net;
  manual_seed(4);
  const auto random = default_generator().state();
  const DeviceChoice choice = choose_device("cpu", net, zeros({1, 2}));
  EXPECT_TRUE(choice.device.is_cpu());
  EXPECT_EQ(choice.reason, "");
  EXPECT_TRUE(net.is_training());
  EXPECT_FALSE(net.fc.parameters()[0].grad().defined());
  EXPECT_EQ(default_generator().state().offset, random.offset);
  net.eval();
  choose_device("cpu", net, [&](Device device) { return net(zeros({3, 2}, {.device = device})); });
  EXPECT_FALSE(net.is_training());
  EXPECT_THROW(choose_device("cpu", net, zeros({1, 3})), ShapeError);
}

TEST(ChooseDevice, RefusesOtherTexts) {
  Net net;
  for (const std::string text : {"", "tpu", "meta", "cuda:", "cuda:-1", "cuda:1x", "cuda:99999999999", "cuda1"})
    EXPECT_THROW(choose_device(text, net, zeros({1, 2})), ValueError) << text;
  EXPECT_THROW(choose_device(str("cuda:", cuda_device_count()), net, zeros({1, 2})), DeviceError);
}

}  // namespace
}  // namespace farro::training
