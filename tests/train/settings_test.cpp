// SPDX-License-Identifier: Apache-2.0
// Settings to and from a checkpoint.
#include <farro/kernels/memory/factories.h>
#include <farro/train/run/settings.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace farro::training {
namespace {

using testing::HasSubstr;

struct Values {
  int64_t count = 3;
  double rate = 0.1;
  std::string text = "none";
  Settings settings{
      {.name = "--count", .value = &count}, {.name = "rate", .value = &rate}, {.name = "--t-x", .value = &text}};
};

std::string refusal(const Values& values, const StateDict& saved) {
  const auto [count, rate, text] = std::tuple(values.count, values.rate, values.text);
  try {
    take_over(values.settings, saved);
  } catch (const ValueError& error) {
    EXPECT_EQ(std::tuple(values.count, values.rate, values.text), std::tuple(count, rate, text));
    return error.what();
  }
  return "no error";
}

TEST(Settings, ComeBackAsTheyWere) {
  Values saved, values;
  saved.count = (int64_t{1} << 62) + 1;
  saved.rate = 1.0 / 3;
  for (const std::string text : {"", "bf16", "caf\xc3\xa9"}) {
    saved.text = text;
    take_over(values.settings, to_state(saved.settings));
    EXPECT_EQ(values.count, saved.count);
    EXPECT_EQ(values.rate, saved.rate);
    EXPECT_EQ(values.text, saved.text);
  }
  EXPECT_TRUE(to_state(saved.settings).contains("t-x"));
}

TEST(Settings, WhatWasGivenMustBeTheSame) {
  Values saved, values;
  for (Setting& setting : values.settings) setting.is_given = true;
  EXPECT_EQ(refusal(values, to_state(saved.settings)), "no error");
  values.count = 4;
  EXPECT_THAT(refusal(values, to_state(saved.settings)),
              HasSubstr("--count must be left out or be what the run began with, 3, got 4"));
  values.count = 3;
  values.rate = 0.25;
  EXPECT_THAT(refusal(values, to_state(saved.settings)),
              HasSubstr("rate must be left out or be what the run began with, 0.1, got 0.25"));
  values.rate = 0.1;
  values.text = "";
  EXPECT_THAT(refusal(values, to_state(saved.settings)),
              HasSubstr("--t-x must be left out or be what the run began with, none, got ''"));
}

TEST(Settings, WhatAFileHoldsIsChecked) {
  const Values values;
  Values saved;
  StateDict state = to_state(saved.settings);
  EXPECT_THAT(refusal(values, {}), HasSubstr("it must say what --count was, got nothing"));
  state.set_number("count", 1.5);
  EXPECT_THAT(refusal(values, state), HasSubstr("count"));
  state = to_state(saved.settings);
  state.set("t-x", tensor({1, 2}, {.dtype = DType::i64}));
  EXPECT_THAT(refusal(values, state), HasSubstr("t-x must be a text, u8 of one dimension"));
  state.set("t-x", tensor(std::vector<uint8_t>{'a', 27, '['}));
  EXPECT_THAT(refusal(values, state), testing::AllOf(HasSubstr("control characters"), testing::Not(HasSubstr("\x1b"))));
  state.set("t-x", tensor(std::vector<uint8_t>(81, 'a')));
  EXPECT_THAT(refusal(values, state), HasSubstr("at most 80 bytes"));
  Values strict;
  strict.settings[0].check = [](const std::string& text) { return "must be odd, got '" + text + "'"; };
  EXPECT_THAT(refusal(strict, to_state(saved.settings)), HasSubstr("--count: must be odd, got '3'"));
}

TEST(Settings, WhatNoCheckpointCouldHoldIsRefused) {
  int64_t value = 1;
  std::string text = "a\nb";
  EXPECT_THROW(to_state({{.name = "--", .value = &value}}), ValueError);
  EXPECT_THROW(to_state({{.name = "a", .value = &value}, {.name = "--a", .value = &value}}), ValueError);
  EXPECT_THROW(to_state({{.name = "a", .value = &text}}), ValueError);
}

}  // namespace
}  // namespace farro::training
