// SPDX-License-Identifier: Apache-2.0
// Every public function, called with hostile arguments: each call must succeed or throw a farro::Error, soon and within
// little memory. The seed of a call follows from the function and its number, so that
// `--gtest_filter='*/<function>' FARRO_HOSTILE_FIRST=<number> FARRO_HOSTILE_CALLS=1` repeats one; a signal says which
// it was.
#include "functions.h"

#include <farro/core/op/call_listener.h>
#include <farro/core/op/op_table.h>

#include <gtest/gtest.h>

#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstring>
#include <fstream>
#include <mutex>
#include <set>
#include <thread>

#if defined(__SANITIZE_ADDRESS__)
#define FARRO_HOSTILE_ASAN 1
// Address space cannot be limited there; the allocator refuses what would not fit instead.
extern "C" const char* __asan_default_options();
extern "C" const char* __asan_default_options() { return "allocator_may_return_null=1:max_allocation_size_mb=256"; }
#endif

namespace farro::hostile {
namespace {

// Room for the code that oneDNN generates and keeps, 256 KiB a primitive: it writes through null where it gets none.
constexpr size_t kExtraMemory = size_t{3} << 30;
constexpr int64_t kLongestCall = 10;  // seconds

int64_t number_of(const char* variable, int64_t fallback) {
  const char* value = std::getenv(variable);
  return value ? std::atoll(value) : fallback;
}

// The call under way, for the watchdog and the signal handler.
char current_call[512];
std::atomic<int64_t> call_started{0};

int64_t seconds() {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

void say(const char* what) {
  (void)!write(2, what, std::strlen(what));
  (void)!write(2, current_call, std::strlen(current_call));
  (void)!write(2, "\n", 1);
}
const std::string* current_arguments = nullptr;
void on_signal(int signal) {
  say("hostile: a signal in ");
  if (current_arguments) (void)!write(2, current_arguments->data(), current_arguments->size());
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

void watch() {
  std::thread([] {
    for (;;) {
      std::this_thread::sleep_for(std::chrono::milliseconds(500));
      const int64_t started = call_started;
      if (!started || seconds() - started <= kLongestCall) continue;
      say("hostile: no end of ");
      std::abort();
    }
  }).detach();
}

void limit_memory() {
#ifndef FARRO_HOSTILE_ASAN
  size_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  const rlim_t bytes = pages * static_cast<size_t>(sysconf(_SC_PAGESIZE)) + kExtraMemory;
  const rlimit limit{bytes, RLIM_INFINITY};
  setrlimit(RLIMIT_AS, &limit);
#endif
}

}  // namespace

void set_up_once() {
  static const bool done = [] {
    // Threads, libraries and tables are there before the limit counts.
    conv2d(ones({4, 8, 32, 32}), ones({8, 8, 3, 3}));
    matmul(ones({300, 300}), ones({300, 300}));
    limit_parallel_grain(64);
    for (int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL}) std::signal(signal, on_signal);
    watch();
    limit_memory();
    return true;
  }();
  (void)done;
}

namespace {

// A tensor that a function gave lies within its storage.
void check_sane(const Tensor& tensor) {
  if (!tensor.defined()) return;
  const int64_t numel = checked_numel("hostile", tensor.sizes());
  EXPECT_EQ(tensor.numel(), numel);
  const int64_t end = tensor.storage_offset() + reach(tensor.sizes(), tensor.strides());
  if (numel && !tensor.is_meta()) {
    EXPECT_LE(static_cast<size_t>(end) * item_size(tensor.dtype()), tensor.storage()->bytes());
  }
}

struct Outcome {
  int64_t succeeded = 0, refused = 0;
};

void call_once(const Function& function, uint64_t seed, Outcome& outcome) {
  Draw draw(seed);
  current_arguments = &draw.text();
  try {
    const std::vector<Tensor> out = function.call(draw);
    std::vector<Tensor> recorded, gradients;
    for (const Tensor& tensor : out) {
      check_sane(tensor);
      if (!tensor.defined() || !tensor.requires_grad() || tensor.is_meta()) continue;
      recorded.push_back(tensor);
      gradients.push_back(ones(tensor.sizes(), {.dtype = tensor.dtype()}));
    }
    if (!recorded.empty()) backward(recorded, gradients, {.create_graph = draw.chance(0.2)});
    ++outcome.succeeded;
  } catch (const Error& error) {
    ++outcome.refused;
    // A library's or the project's own invariant is no answer to bad input.
    EXPECT_STRNE(error.kind(), "InternalError") << error.what() << "\n" << draw.text();
    EXPECT_STRNE(error.kind(), "BackendError") << error.what() << "\n" << draw.text();
  } catch (const std::exception& error) {
    ADD_FAILURE() << "an untyped " << error.what() << "\n" << draw.text();
  }
  for (const Tensor& tensor : draw.given)  // create_graph leaves a cycle through the gradient
    if (tensor.defined()) Tensor(tensor).set_grad({});
  current_arguments = nullptr;
}

Outcome call_often(const Function& function, int64_t calls) {
  set_up_once();
  Outcome outcome;
  const int64_t first = number_of("FARRO_HOSTILE_FIRST", 0);
  for (int64_t i = first; i < first + calls && !testing::Test::HasFailure(); ++i) {
    std::snprintf(current_call, sizeof current_call, "%s, call %lld", function.name.c_str(), static_cast<long long>(i));
    const testing::ScopedTrace trace(__FILE__, __LINE__, current_call);
    call_started = seconds();
    call_once(function, seed_of(function, i), outcome);
    call_started = 0;
  }
  return outcome;
}

class Calls : public testing::TestWithParam<size_t> {};

TEST_P(Calls, SucceedOrThrowATypedError) {
  const Outcome outcome = call_often(all_functions()[GetParam()], number_of("FARRO_HOSTILE_CALLS", 1000));
  if (std::getenv("FARRO_HOSTILE_VERBOSE"))
    std::printf("%s: %lld succeeded, %lld refused\n", all_functions()[GetParam()].name.c_str(),
                static_cast<long long>(outcome.succeeded), static_cast<long long>(outcome.refused));
  // Where many arguments must fit each other, drawn ones never do: "<function> fitting" stands in.
  const std::string fitting = all_functions()[GetParam()].name + " fitting";
  for (const Function& function : all_functions())
    if (function.name == fitting) return;
  if (!testing::Test::HasFailure() && !std::getenv("FARRO_HOSTILE_CALLS")) {
    EXPECT_GT(outcome.succeeded, 0);
  }
}

std::string test_name(const testing::TestParamInfo<size_t>& info) {
  std::string name = all_functions()[info.param].name;
  for (char& c : name)
    if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
  return name;
}
INSTANTIATE_TEST_SUITE_P(Hostile, Calls, testing::Range(size_t{0}, all_functions().size()), test_name);

struct Seen : CallListener {
  std::mutex mutex;
  std::set<std::string> ops;
  void begin(const CallEvent& event) noexcept override {
    const std::lock_guard lock(mutex);
    ops.insert(event.name());
  }
  void end(const CallEvent&) noexcept override {}
};

// A new op is called here, too: through its public function, or it fails.
TEST(Hostile, ReachesEveryOp) {
  Seen seen;
  add_call_listener(seen);
  for (const Function& function : all_functions()) call_often(function, 60);
  remove_call_listener(seen);
  for (const OpEntry& op : all_ops()) {
    EXPECT_TRUE(seen.ops.contains(op.info().name)) << op.info().name;
  }
}

}  // namespace
}  // namespace farro::hostile

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
