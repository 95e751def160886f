// SPDX-License-Identifier: Apache-2.0
// The machine-readable record of a run: one JSON object per line (metrics.jsonl), in the order of the steps. Written by
// training loops. A line is there completely as soon as write() returns, also when the process is killed next.
#pragma once

#include <farro/core/api.h>
#include <farro/core/error/error.h>
#include <farro/core/io/file.h>

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>

namespace farro::training {

// One name and value of a record. Numbers are written so that they read back to the same value; NaN and infinities,
// which JSON lacks, as the strings "nan", "inf" and "-inf".
struct FARRO_API Metric {
  Metric(std::string_view metric_name, bool value) : name(metric_name), json(value ? "true" : "false") {}
  Metric(std::string_view metric_name, float value);
  Metric(std::string_view metric_name, double value);
  Metric(std::string_view metric_name, std::integral auto value) : name(metric_name), json(str(value)) {}
  Metric(std::string_view metric_name, std::string_view value);
  Metric(std::string_view metric_name, const char* value) : Metric(metric_name, std::string_view(value)) {}

  std::string name;
  std::string json;
};

class FARRO_API MetricsLog {
 public:
  // Begins the log of a new run; an old file at `path` is emptied.
  static MetricsLog create(const std::string& path);
  // Goes on after a checkpoint of step `last_step`: records of later steps, and a last line that was cut off, are
  // removed, so that each step stands in the file exactly once. The file may be absent. FileError (bad_header), with
  // the line's number, when a complete line is no record.
  static MetricsLog resume(const std::string& path, int64_t last_step);

  // {"step":12,"loss":0.5,...}. ValueError for the name "step" or one given twice, which resume() could not read; then,
  // as where the system takes only a part of the line, the file is as before.
  void write(int64_t step, std::span<const Metric> metrics);
  void write(int64_t step, std::initializer_list<Metric> metrics) {
    write(step, std::span(metrics.begin(), metrics.size()));
  }

 private:
  explicit MetricsLog(io::AppendFile file) : file_(std::move(file)) {}
  io::AppendFile file_;
};

}  // namespace farro::training
