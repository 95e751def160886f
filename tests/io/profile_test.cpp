// SPDX-License-Identifier: Apache-2.0
// Profile ranges: totals, the trace's validity (also midway), bounds, threads.
#include <farro/core/profile/profile.h>
#include <farro/core/scope/scope.h>

#include "io_test.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <nlohmann/json.hpp>

#include <chrono>
#include <thread>
#include <vector>

namespace farro {
namespace {

using io::TemporaryFolder;
using nlohmann::json;

void pause_ms(int ms) { std::this_thread::sleep_for(std::chrono::milliseconds(ms)); }

const ProfileTotal& total(const ProfileResult& result, const std::string& name) {
  for (const ProfileTotal& t : result.totals)
    if (t.name == name) return t;
  ADD_FAILURE() << "no range " << name;
  static const ProfileTotal none;
  return none;
}

TEST(Profile, TotalsAndOwnTime) {
  start_profile();
  EXPECT_TRUE(profiling_active());
  for (int i = 0; i < 3; ++i) {
    const ProfileRange outer("outer");
    pause_ms(2);
    const ProfileRange inner("inner");
    pause_ms(4);
  }
  const ProfileResult result = stop_profile();
  EXPECT_FALSE(profiling_active());
  EXPECT_EQ(total(result, "outer").count, 3);
  EXPECT_GE(total(result, "outer").total_seconds, 0.018);
  EXPECT_NEAR(total(result, "outer").self_seconds,
              total(result, "outer").total_seconds - total(result, "inner").total_seconds, 1e-3);
  EXPECT_EQ(result.events, 0);
  const std::string table = format_table(result);
  EXPECT_THAT(table, testing::HasSubstr("outer"));
  EXPECT_THAT(format_table(result, 1), testing::HasSubstr("... and 1 more"));
}

TEST(Profile, NothingIsRecordedWithoutAProfile) {
  { const ProfileRange range("before"); }
  start_profile();
  auto open = std::make_unique<ProfileRange>("across the end");
  EXPECT_TRUE(*open);
  EXPECT_TRUE(stop_profile().totals.empty());
  start_profile();
  open.reset();  // belongs to the first profile
  EXPECT_TRUE(stop_profile().totals.empty());
  EXPECT_THROW(stop_profile(), ValueError);
  start_profile();
  EXPECT_THROW(start_profile(), ValueError);
  stop_profile();
}

TEST(Profile, TheTraceIsChromes) {
  const TemporaryFolder folder;
  start_profile({.trace_path = folder.file("trace.json")});
  {
    const ScopeGuard net("net");
    const ScopeGuard fc("fc1");
    ProfileRange range("mat\"mul\n", "op");
    range.note("variant", "back\\slash");
    pause_ms(1);
  }
  std::thread([] { const ProfileRange other("other thread"); }).join();
  const ProfileResult result = stop_profile();
  EXPECT_EQ(result.events, 2);
  const json trace = json::parse(io::read_file(folder.file("trace.json")));
  ASSERT_EQ(trace.size(), 3u);
  json matmul, other;
  for (const json& event : trace) {
    if (event["name"] == "mat\"mul\n") matmul = event;
    if (event["name"] == "other thread") other = event;
  }
  EXPECT_EQ(matmul["ph"], "X");
  EXPECT_EQ(matmul["cat"], "op");
  EXPECT_EQ(matmul["args"]["scope"], "net.fc1");
  EXPECT_EQ(matmul["args"]["variant"], "back\\slash");
  EXPECT_GE(matmul["dur"].get<double>(), 1000);
  EXPECT_NE(matmul["tid"], other["tid"]);
}

TEST(Profile, TheTraceIsUtf8WhateverTheNames) {
  const TemporaryFolder folder;
  start_profile({.trace_path = folder.file("trace.json")});
  { const ProfileRange cut(std::string(299, 'a') + "\u00e9"); }
  { const ProfileRange damaged("b\xff\xc3"); }
  stop_profile();
  const json trace = json::parse(io::read_file(folder.file("trace.json")));
  EXPECT_EQ(trace[1]["name"], std::string(299, 'a'));
  EXPECT_EQ(trace[2]["name"], "b\ufffd\ufffd");
}

TEST(Profile, EventsAreBounded) {
  const TemporaryFolder folder;
  start_profile({.trace_path = folder.file("trace.json"), .max_events = 10});
  for (int i = 0; i < 100; ++i) const ProfileRange range("r");
  const ProfileResult result = stop_profile();
  EXPECT_EQ(result.events, 10);
  EXPECT_EQ(result.dropped_events, 90);
  EXPECT_EQ(total(result, "r").count, 100);
  EXPECT_EQ(json::parse(io::read_file(folder.file("trace.json"))).size(), 11u);
}

TEST(Profile, ThreadsStartAndStopAtAnyTime) {
  const TemporaryFolder folder;
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      while (!stop) {
        const ProfileRange outer("outer");
        std::thread([] { const ProfileRange inner("short thread"); }).join();
      }
    });
  for (int i = 0; i < 20; ++i) {
    start_profile({.trace_path = folder.file("trace.json")});
    pause_ms(5);
    const ProfileResult result = stop_profile();
    const json trace = json::parse(io::read_file(folder.file("trace.json")));
    EXPECT_EQ(static_cast<int64_t>(trace.size()), result.events + 1);
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
}

// A run killed midway leaves valid JSON.
TEST(Profile, AKilledRunLeavesAValidTrace) {
  const int kills = io::full_run() ? 50 : 5;
  for (int i = 0; i < kills; ++i) {
    const TemporaryFolder folder;
    const std::string path = folder.file("trace.json");
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      start_profile({.trace_path = path});
      for (;;) const ProfileRange range("work");
    }
    // Until it has written a good deal, however slow the machine; then at any moment.
    const auto wanted = static_cast<uintmax_t>(100'000 * (1 + i % 10));
    std::error_code error;
    while (std::filesystem::file_size(path, error) < wanted || error) pause_ms(1);
    std::this_thread::sleep_for(std::chrono::microseconds(173 * i % 1000));
    ::kill(child, SIGKILL);
    int status;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    json trace;
    ASSERT_NO_THROW(trace = json::parse(io::read_file(path)));
    EXPECT_GT(trace.size(), 300u);
  }
}

TEST(Profile, AMillionEventsAreValid) {
  if (!io::full_run()) GTEST_SKIP() << "only with FARRO_TEST_FULL=1";
  const TemporaryFolder folder;
  start_profile({.trace_path = folder.file("trace.json")});
  for (int i = 0; i < 1'000'000; ++i) const ProfileRange range("r");
  EXPECT_EQ(stop_profile().events, 1'000'000);
  EXPECT_EQ(json::parse(io::read_file(folder.file("trace.json"))).size(), 1'000'001u);
}

TEST(Profile, LongNotesAreLeftOut) {
  const TemporaryFolder folder;
  start_profile({.trace_path = folder.file("trace.json")});
  for (size_t length = 0; length < 5000; length += 50) {
    ProfileRange range(std::string(length, '\n'), std::string(length, '"'));
    range.note("text", std::string(length, 'x'));
  }
  stop_profile();
  const json trace = json::parse(io::read_file(folder.file("trace.json")));
  ASSERT_EQ(trace.size(), 101u);
  EXPECT_EQ(trace[1 + 10]["args"]["text"], std::string(500, 'x'));
  EXPECT_EQ(trace[1 + 99]["args"]["args"], "too long");
}

TEST(Profile, ErrorsOfTheTrace) {
  EXPECT_THROW(start_profile({.trace_path = "/nonexistent/trace.json"}), IoError);
  EXPECT_FALSE(profiling_active());
  const TemporaryFolder folder;
  start_profile({.trace_path = folder.file("trace.json")});
  rlimit old;
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &old), 0);
  const rlimit small{100'000, old.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);  // a full disk
  const auto old_handler = ::signal(SIGXFSZ, SIG_IGN);
  for (int i = 0; i < 5000; ++i) const ProfileRange range("r");
  EXPECT_THROW(stop_profile(), IoError);
  EXPECT_FALSE(profiling_active());
  ::setrlimit(RLIMIT_FSIZE, &old);
  ::signal(SIGXFSZ, old_handler);
}

}  // namespace
}  // namespace farro
