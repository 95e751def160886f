// SPDX-License-Identifier: Apache-2.0
// Metrics of a run as lines of JSON, one for a step. Resuming drops the lines behind the step that is resumed, and a
// line that was cut off.
#include <farro/train/record/metrics_log.h>

#include <farro/core/io/atomic_file.h>
#include <farro/core/io/file_error.h>
#include <farro/core/io/json.h>

#include <nlohmann/json.hpp>

#include <charconv>
#include <cmath>
#include <filesystem>
#include <set>

namespace farro::training {

namespace {

template <class T>
std::string json_number(T value) {
  // JSON has no such numbers.
  if (std::isnan(value)) return "\"nan\"";
  if (std::isinf(value)) return value > 0 ? "\"inf\"" : "\"-inf\"";
  char buffer[64];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
  return std::string(buffer, end);
}

std::string json_string(std::string_view text) {
  // Bytes that are no UTF-8 are replaced: a log line is no place to fail.
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

int64_t step_of(std::string_view line, const std::string& path, size_t number) {
  const std::string what = str("could not resume '", path, "', line ", number);
  const nlohmann::json record = io::parse_json(line, what);
  if (!record.is_object() || !record.contains("step") || !record["step"].is_number_integer())
    io::fail_file(io::FileFault::bad_header, what, ": each line must be an object with an integer \"step\", got ",
                  io::printable(line));
  return record["step"].get<int64_t>();
}

}  // namespace

Metric::Metric(std::string_view metric_name, float value) : name(metric_name), json(json_number(value)) {}
Metric::Metric(std::string_view metric_name, double value) : name(metric_name), json(json_number(value)) {}
Metric::Metric(std::string_view metric_name, std::string_view value) : name(metric_name), json(json_string(value)) {}

MetricsLog MetricsLog::create(const std::string& path) {
  return MetricsLog(io::AppendFile(path, io::AppendFile::Mode::truncate));
}

MetricsLog MetricsLog::resume(const std::string& path, int64_t last_step) {
  std::error_code error;
  const bool exists = std::filesystem::exists(path, error);
  if (error) io::fail_errno(error.value(), "could not examine", path);
  if (!exists) return create(path);
  const std::string old = io::read_file(path);
  std::string kept;
  size_t number = 0;
  for (std::string_view rest = old; !rest.empty();) {
    const size_t end = rest.find('\n');
    if (end == std::string_view::npos) break;  // a line that was cut off
    if (step_of(rest.substr(0, end), path, ++number) <= last_step) kept += rest.substr(0, end + 1);
    rest.remove_prefix(end + 1);
  }
  // In one step, by AtomicFile: a crash here must not cost the log.
  if (kept.size() != old.size()) io::write_file(path, kept);
  return MetricsLog(io::AppendFile(path, io::AppendFile::Mode::append));
}

void MetricsLog::write(int64_t step, std::span<const Metric> metrics) {
  std::string line = str("{\"step\":", step);
  std::set<std::string> names{json_string("step")};
  for (const Metric& metric : metrics) {
    std::string name = json_string(metric.name);
    FARRO_CHECK(!names.contains(name), ValueError,
                "MetricsLog: names must differ from each other and from 'step', got ", io::printable(metric.name));
    line += str(",", name, ":", metric.json);
    names.insert(std::move(name));
  }
  line += "}\n";
  file_.append(line);
}

}  // namespace farro::training
