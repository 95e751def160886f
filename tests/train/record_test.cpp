// SPDX-License-Identifier: Apache-2.0
// What a run leaves behind: metrics.jsonl, event files, charts, and the progress on the terminal.
#include <farro/core/io/detail/crc32c.h>
#include <farro/train/record/event_file.h>
#include <farro/train/record/line_chart.h>
#include <farro/train/record/metrics_log.h>
#include <farro/train/record/progress.h>

#include <farro/tests/io/io_test.h>

#include <algorithm>
#include <bit>
#include <chrono>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <thread>

namespace farro::training {
namespace {

using io::AppendFile;
using io::expect_fault;
using io::FileFault;
using io::put_file;
using io::read_file;
using io::TemporaryFolder;
using testing::HasSubstr;
using testing::Not;

TEST(MetricsLog, WritesOneObjectALine) {
  const TemporaryFolder folder;
  MetricsLog log = MetricsLog::create(folder.file("metrics.jsonl"));
  log.write(1, {{"loss", 0.1f}, {"rate", 1e-3}, {"images", int64_t{64}}, {"last", false}, {"note", "a \"b\"\n\xff"}});
  log.write(2, {{"loss", std::nanf("")}, {"low", -std::numeric_limits<double>::infinity()}});
  EXPECT_EQ(
      read_file(folder.file("metrics.jsonl")),
      "{\"step\":1,\"loss\":0.1,\"rate\":0.001,\"images\":64,\"last\":false,\"note\":\"a \\\"b\\\"\\n\xef\xbf\xbd\"}\n"
      "{\"step\":2,\"loss\":\"nan\",\"low\":\"-inf\"}\n");
}

TEST(MetricsLog, ResumeKeepsEachStepOnce) {
  const TemporaryFolder folder;
  const std::string path = folder.file("metrics.jsonl");
  MetricsLog::resume(path, 5).write(1, {{"loss", 1}});  // an absent file is a new one
  for (const int step : {2, 3, 4}) MetricsLog::resume(path, step - 1).write(step, {{"loss", 1}});
  AppendFile(path, AppendFile::Mode::append).append("{\"step\":5,\"lo");  // a kill cut it off
  MetricsLog log = MetricsLog::resume(path, 2);
  log.write(3, {{"loss", 2}});
  EXPECT_EQ(read_file(path), "{\"step\":1,\"loss\":1}\n{\"step\":2,\"loss\":1}\n{\"step\":3,\"loss\":2}\n");
}

TEST(MetricsLog, ResumeRefusesOtherFiles) {
  const TemporaryFolder folder;
  put_file(folder.file("a"), "{\"step\":1}\nhello\n");
  expect_fault(FileFault::bad_header, "line 2", [&] { MetricsLog::resume(folder.file("a"), 1); });
  put_file(folder.file("a"), "{\"loss\":1}\n");
  expect_fault(FileFault::bad_header, "integer \"step\"", [&] { MetricsLog::resume(folder.file("a"), 1); });
}

TEST(MetricsLog, ResumeNamesAPathThatCannotBeExamined) {
  const TemporaryFolder folder;
  expect_fault(FileFault::system, "File name too long",
               [&] { MetricsLog::resume(folder.file(std::string(300, 'x')), 1); });
  std::filesystem::create_symlink(folder.file("loop"), folder.file("loop"));
  expect_fault(FileFault::system, "could not examine '" + folder.file("loop") + "'",
               [&] { MetricsLog::resume(folder.file("loop"), 1); });
}

TEST(MetricsLog, RefusesWhatItCouldNotRead) {
  const TemporaryFolder folder;
  const std::string path = folder.file("m.jsonl");
  {
    auto log = MetricsLog::create(path);
    log.write(1, {{"loss", 0.5}});
    EXPECT_THROW(log.write(2, {{"step", 7}}), ValueError);
    EXPECT_THROW(log.write(2, {{"a", 1}, {"b", 1}, {"a", 2}}), ValueError);
    EXPECT_THROW(log.write(2, {{"\xff", 1}, {"\xfe", 1}}), ValueError);  // both are replaced by one character
    log.write(2, {{"Step", 7}, {"", 1}, {std::string("x\0y", 3), 1}});
  }
  MetricsLog::resume(path, 5);
  const std::string text = read_file(path);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2);
}

TEST(EventFile, FramesAreTfRecords) {
  const TemporaryFolder folder;
  std::string path;
  {
    EventFile file(folder.file("logs"));
    path = file.path();
    file.add_scalar("train/loss", 7, 0.5f);
  }
  const std::string bytes = read_file(path);
  EXPECT_THAT(bytes, HasSubstr("brain.Event:2"));
  EXPECT_THAT(bytes, HasSubstr("train/loss"));
  size_t at = 0;
  int records = 0;
  const auto masked = [](const void* data, size_t size) { return std::rotr(crc32c(data, size), 15) + 0xa282ead8u; };
  for (; at < bytes.size(); ++records) {
    uint64_t length;
    uint32_t length_crc, data_crc;
    ASSERT_LE(at + 12, bytes.size());
    std::memcpy(&length, bytes.data() + at, 8);
    std::memcpy(&length_crc, bytes.data() + at + 8, 4);
    ASSERT_EQ(length_crc, masked(bytes.data() + at, 8));
    ASSERT_LE(at + 16 + length, bytes.size());
    std::memcpy(&data_crc, bytes.data() + at + 12 + length, 4);
    ASSERT_EQ(data_crc, masked(bytes.data() + at + 12, length));
    at += 16 + length;
  }
  EXPECT_EQ(records, 2);
  EXPECT_NE(EventFile(folder.file("logs")).path(), path);
}

TEST(Records, TextThatIsNoUtf8IsReplaced) {
  const TemporaryFolder folder;
  EventFile events(folder.path());
  events.add_scalar("loss\xff", 1, 0.5f);
  EXPECT_THAT(read_file(events.path()), HasSubstr("loss\xef\xbf\xbd"));
  const std::string svg =
      render_svg(LineChart{.title = "t\xff\xef\xbf\xbf", .x_label = {}, .y_label = {}, .series = {}});
  EXPECT_THAT(svg, HasSubstr("t\xef\xbf\xbd\xef\xbf\xbd<"));
}

int count(const std::string& text, const std::string& part) {
  int found = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

TEST(LineChart, DrawsSeriesTicksAndLegend) {
  const LineChart chart{
      "Loss <1 & more", "step", "loss", {{"train", {0, 1, 2}, {3, 2, 1}}, {"test", {0, 2}, {2.5, 1.25}}}};
  const std::string svg = render_svg(chart);
  EXPECT_THAT(svg, HasSubstr("Loss &lt;1 &amp; more"));
  EXPECT_EQ(count(svg, "<path"), 2);
  EXPECT_THAT(svg, HasSubstr("1.25</tspan>"));
  EXPECT_THAT(svg, HasSubstr(">2.5</text>"));
  EXPECT_EQ(count(render_svg(std::vector<LineChart>{chart, chart}), "<path"), 4);
}

TEST(LineChart, OddDataStillGivesAPicture) {
  const double nan = std::nan(""), infinity = std::numeric_limits<double>::infinity();
  const std::vector<LineChart> charts = {{"", "", "", {}},
                                         {"", "", "", {{"empty", {}, {}}}},
                                         {"", "", "", {{"one", {5}, {7}}}},
                                         {"", "", "", {{"flat", {0, 1}, {1e30, 1e30}}}},
                                         {"", "", "", {{"zero", {0, 1}, {0, 0}}}},
                                         {"", "", "", {{"gaps", {0, 1, 2, nan, 4}, {1, nan, infinity, 1, 2}}}},
                                         {"", "", "", {{"huge", {0, 1}, {-1e300, 1e300}}}},
                                         {"", "", "", {{"log", {0, 1, 2}, {0, 1e-12, 1e12}, 0.5}}, true},
                                         {"", "", "", {{"log", {0}, {-1}}}, true},
                                         {"", "", "", {{"log", {0}, {1}}}, true},
                                         {"", "", "", {{"tiny", {0, 1}, {1, 1 + 1e-15}}}}};
  const std::string svg = render_svg(charts);
  EXPECT_THAT(svg, Not(HasSubstr("nan")));
  EXPECT_THAT(svg, Not(HasSubstr("inf")));
}

TEST(LineChart, AMillionPointsStaySmall) {
  ChartSeries series{"train", {}, {}};
  for (int i = 0; i < 1'000'000; ++i) {
    series.x.push_back(i);
    series.y.push_back(std::sin(i * 0.01) + (i == 500'000 ? 10 : 0));
  }
  const LineChart chart{"", "", "", {series}};
  EXPECT_LT(render_svg(chart).size(), 100'000u);
}

TEST(LineChart, RefusesSeriesThatDoNotFit) {
  EXPECT_THROW(render_svg(LineChart{"", "", "", {{"a", {1}, {}}}}), ValueError);
  EXPECT_THROW(render_svg(LineChart{"", "", "", {{"a", {1}, {1}, 1.0}}}), ValueError);
}

// A FILE* whose content can be read back.
struct Output {
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file{std::tmpfile(), &std::fclose};
  std::string text() const {
    std::string out(static_cast<size_t>(std::ftell(file.get())), '\0');
    std::rewind(file.get());
    out.resize(std::fread(out.data(), 1, out.size(), file.get()));
    return out;
  }
};

TEST(Progress, PlainLinesWithoutATerminal) {
  const Output out;
  Progress progress(out.file.get(), {.label = "epoch 1/3", .total = 1000, .line_seconds = 0});
  for (int i = 0; i < 4; ++i) progress.advance(250, {{"loss", 0.12345}});
  progress.finish({{"loss", 0.1}, {"accuracy", 0.5}});
  const std::string text = out.text();
  EXPECT_THAT(text, Not(HasSubstr("\r")));
  EXPECT_THAT(text, Not(HasSubstr("█")));
  EXPECT_THAT(text, HasSubstr("epoch 1/3   50%   loss 0.1235"));
  EXPECT_THAT(text, HasSubstr("epoch 1/3  loss 0.1  accuracy 0.5  "));
  EXPECT_EQ(count(text, "\n"), 4);  // the first call is skipped: it says nothing yet
}

TEST(Progress, TheBarIsDrawnOverItself) {
  const Output out;
  {
    Progress progress(out.file.get(), {.label = "epoch 2/3", .total = 1000, .style = ProgressOptions::Style::bar});
    std::this_thread::sleep_for(std::chrono::milliseconds(60));
    progress.advance(500, {{"loss", 0.5}});
  }
  const std::string text = out.text();
  EXPECT_THAT(text, testing::StartsWith("\repoch 2/3   50% ████████████            "));
  EXPECT_THAT(text, HasSubstr("images/s"));
  EXPECT_THAT(text, HasSubstr("left"));
  EXPECT_THAT(text, testing::EndsWith("\x1b[K\n"));  // the destructor ends the line
}

// The rate in the last line that names one.
double last_rate(const std::string& text) {
  const size_t end = text.rfind(" images/s"), begin = text.rfind("  ", end);
  std::string digits = text.substr(begin, end - begin);
  std::erase(digits, ',');
  return std::stod(digits);
}

TEST(Progress, WhatWasDoneBeforeMovesTheBarButNotTheRate) {
  const Output out;
  const auto start = std::chrono::steady_clock::now();
  Progress progress(
      out.file.get(),
      {.label = "epoch 2/3", .total = 1'000'000, .done_before = 500'000, .style = ProgressOptions::Style::bar});
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  progress.advance(100, {{"loss", 0.5}});
  const double most = 100 / 0.1;
  EXPECT_THAT(out.text(), testing::StartsWith("\repoch 2/3   50% "));
  EXPECT_LE(last_rate(out.text()), most);
  // At this rate the other 499,900 take at least 499 s.
  EXPECT_THAT(out.text(), testing::ContainsRegex("  ([0-9]+:)?[0-9]+:[0-9][0-9] left"));
  progress.finish();
  EXPECT_LE(last_rate(out.text()), most);
  EXPECT_GE(last_rate(out.text()),
            100 / std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() - 1);
  EXPECT_THROW(Progress(out.file.get(), {.label = "x", .done_before = -1}), ValueError);
}

TEST(Progress, AStoppedClockLeavesOutWhatComesAfter) {
  const Output out;
  const auto start = std::chrono::steady_clock::now();
  Progress progress(out.file.get(), {.label = "epoch 1/1", .total = 1000});
  progress.advance(1000);
  progress.stop_clock();
  const double elapsed = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  progress.finish();
  EXPECT_GE(last_rate(out.text()), 1000 / elapsed - 1);
}

TEST(Progress, UnknownTotalAndWrongTotal) {
  const Output out;
  Progress progress(out.file.get(),
                    {.label = "read", .total = 0, .unit = "lines", .style = ProgressOptions::Style::bar});
  progress.advance(5);
  EXPECT_THAT(out.text(), Not(HasSubstr("%")));
  EXPECT_THROW(Progress(out.file.get(), {.label = "x", .total = -1}), ValueError);
}

}  // namespace
}  // namespace farro::training
