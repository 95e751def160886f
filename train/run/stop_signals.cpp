// SPDX-License-Identifier: Apache-2.0
// Handlers that note a signal and step aside for a second one.
#include <farro/train/run/stop_signals.h>

#include <farro/core/error/error.h>

#include <signal.h>

#include <array>
#include <atomic>

namespace farro::training {

namespace {

constexpr std::array kSignals = {SIGINT, SIGTERM};

std::atomic<int> noted{0};
std::atomic<bool> is_installed{false};
std::array<struct sigaction, kSignals.size()> earlier;
static_assert(std::atomic<int>::is_always_lock_free, "a signal handler may not wait for a lock");

void note(int number) {
  noted = number;
  for (size_t i = 0; i < kSignals.size(); ++i)
    if (kSignals[i] == number) ::sigaction(number, &earlier[i], nullptr);
}

}  // namespace

StopSignals::StopSignals() {
  FARRO_CHECK(!is_installed.exchange(true), ValueError,
              "StopSignals: at most one may live at a time, got a second one");
  // Read before any of them is set: note() uses them.
  for (size_t i = 0; i < kSignals.size(); ++i) ::sigaction(kSignals[i], nullptr, &earlier[i]);
  struct sigaction action {};
  action.sa_handler = note;
  ::sigemptyset(&action.sa_mask);
  action.sa_flags = SA_RESTART;  // what is being read or written goes on
  for (const int number : kSignals) ::sigaction(number, &action, nullptr);
}

StopSignals::~StopSignals() {
  for (size_t i = 0; i < kSignals.size(); ++i) ::sigaction(kSignals[i], &earlier[i], nullptr);
  noted = 0;
  is_installed = false;
}

int stop_signal() noexcept { return noted; }

}  // namespace farro::training
