// SPDX-License-Identifier: Apache-2.0
// The progress of an epoch on a terminal: one bar that is drawn over itself, with the latest numbers, the rate and the
// time left. Where the output is no terminal, plain lines now and then and one at the end. Used by training programs,
// which say where to write: the library prints nothing by itself.
#pragma once

#include <farro/core/api.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

namespace farro::training {

struct ProgressOptions {
  std::string label;  // e.g. "epoch 3/10"
  int64_t total = 0;  // items of the epoch; 0: unknown, no bar and no time left
  int64_t done_before =
      0;  // items of the epoch that an earlier run did: the bar starts there, the rate leaves them out
  std::string unit = "images";  // what is counted
  enum class Style { automatic, bar, lines } style = Style::automatic;
  double line_seconds = 10;  // between two plain lines
};

class FARRO_API Progress {
 public:
  struct Number {
    std::string_view name;
    double value;
  };

  // `out` must outlive the object.
  Progress(std::FILE* out, ProgressOptions options);
  // Ends the drawn line, so that what is printed next (an error, say) stands on its own.
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // `items` more are done. Draws at most ten times a second, so it may be called for every batch.
  void advance(int64_t items, std::initializer_list<Number> numbers = {});
  // Ends the time that counts: an evaluation before finish() belongs to neither the rate nor the seconds shown.
  void stop_clock();
  // Draws the final line, which stays.
  void finish(std::initializer_list<Number> numbers = {});

 private:
  using Clock = std::chrono::steady_clock;
  double seconds() const;
  std::string line(double seconds, std::initializer_list<Number> numbers, bool final) const;
  void draw(std::string_view text, bool final);

  std::FILE* out_;
  ProgressOptions options_;
  bool bar_;
  bool line_open_ = false;
  int64_t done_ = 0;
  Clock::time_point start_;
  std::optional<Clock::time_point> end_;
  Clock::time_point next_;
};

}  // namespace farro::training
