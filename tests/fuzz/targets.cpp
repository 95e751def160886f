// SPDX-License-Identifier: Apache-2.0
// What is fuzzed: each reader of files gets the bytes, and may only return or throw one of the library's errors.
#include "target.h"

#include <farro/core/device/device.h>
#include <farro/core/io/atomic_file.h>
#include <farro/core/io/checkpoint.h>
#include <farro/core/io/detail/utf8.h>
#include <farro/core/io/gzip.h>
#include <farro/core/io/json.h>
#include <farro/core/io/npy.h>
#include <farro/core/io/safetensors.h>
#include <farro/core/util/digest.h>
#include <farro/data/dataset/idx.h>
#include <farro/data/dataset/text.h>
#include <farro/data/loader/loader.h>
#include <farro/kernels/index/indexing.h>
#include <farro/kernels/memory/factories.h>
#include <farro/nn/layers/batch_norm.h>
#include <farro/nn/layers/linear.h>
#include <farro/optim/optimizers/adam.h>
#include <farro/optim/schedule/schedule.h>
#include <farro/train/record/line_chart.h>
#include <farro/train/record/metrics_log.h>
#include <farro/train/run/settings.h>

#ifdef FARRO_FUZZ_OPTIONS
#include <farro/examples/common/program.h>
#endif

#include <nlohmann/json.hpp>

#include <unistd.h>

#include <charconv>
#include <cmath>
#include <filesystem>
#include <vector>

namespace farro::fuzz {

namespace {

constexpr uint64_t kMegabyte = 1 << 20;

// What a target must keep, whatever it is fed with.
void require(bool holds, const char* what) {
  if (!holds) fail<InternalError>("fuzz: must hold, but does not: ", what);
}

void read_safetensors(const std::string& path) {
  const io::SafetensorsFile file(path);
  for (const auto& entry : file.entries()) require(entry.begin <= entry.end, "ranges go forward");
  file.verify();
  io::load_safetensors(path, {.skip_unreadable = true});
  io::load_safetensors(path);
}

void read_metrics(const std::string& path) {
  const std::string copy = temporary_path();
  io::AppendFile(copy, io::AppendFile::Mode::truncate).append(io::read_file(path));
  training::MetricsLog::resume(copy, 2).write(3, {{"loss", 0.5}});
  training::MetricsLog::resume(copy, 3);  // what it wrote it reads
}

// The newest checkpoint of two is a mutant: one of them is found.
void read_checkpoint(const std::string& path) {
  const std::string folder = temporary_path() + "_checkpoints";
  const io::CheckpointFolder checkpoints(folder);
  io::write_file(checkpoints.path(2), io::read_file(path));
  if (!std::filesystem::exists(checkpoints.path(1))) io::save_safetensors(checkpoints.path(1), {{"x", ones({1})}});
  const auto found = checkpoints.load_latest();
  require(found && (found->step == 1 || found->step == 2), "an intact checkpoint is found");
}

// A training state that either takes a state dict or stays what it was.
struct Training {
  struct Net : nn::Module {
    nn::Linear fc{*this, "fc", {.in_features = 2, .out_features = 2}};
    nn::BatchNorm1d norm{*this, "norm", {.num_features = 2}};
  };
  Net net;
  optim::Adam adam{net.parameters()};
  optim::Scheduler schedule{adam, optim::exponential_lr(0.5)};
  data::TensorDataset set{{zeros({5, 1})}};
  data::DataLoader loader{set, {.batch_size = 2, .shuffle = true}};
  double lr = 0.5;
  int64_t epochs = 2;
  std::string precision = "none";
  training::Settings settings{{.name = "--lr", .value = &lr},
                              {.name = "--epochs", .value = &epochs},
                              {.name = "--autocast", .value = &precision}};

  uint64_t digest() const {
    Digest digest;
    digest.add(lr);
    digest.add(static_cast<uint64_t>(epochs));
    for (const char c : precision) digest.add(static_cast<uint64_t>(static_cast<unsigned char>(c)));
    for (const StateDict& part : {net.state_dict(), adam.state_dict(), schedule.state_dict(), loader.state_dict()})
      for (const auto& [name, tensor] : part) digest.add(tensor);
    return digest.value();
  }
};

void read_state_dict(const std::string& path) {
  const io::LoadedTensors loaded = io::load_safetensors(path);
  Training training;
  const StateDict state(loaded.tensors);
  const auto load = [&](const char* prefix, const auto& into) {
    const uint64_t before = training.digest();
    try {
      into(state.below(prefix));
    } catch (const UserError&) {
      require(training.digest() == before, "what was refused changed nothing");
    }
  };
  load("model", [&](const StateDict& part) { training.net.load_state_dict(part); });
  load("optimizer", [&](const StateDict& part) { training.adam.load_state_dict(part); });
  load("schedule", [&](const StateDict& part) { training.schedule.load_state_dict(part); });
  load("loader", [&](const StateDict& part) { training.loader.load_state_dict(part); });
  load("options", [&](const StateDict& part) { take_over(training.settings, part); });
  require(io::printable(training.precision) == "'" + training.precision + "'", "a text of settings can be shown");
  data::Batch batch;
  training.loader.next(batch);
  training.adam.zero_grad();
  training.adam.step();
  require(training.adam.lr() >= 0 && std::isfinite(training.adam.lr()), "the learning rate is a number");
}

void read_text(const std::string& path) {
  const std::string text = io::read_file(path, kMegabyte);
  const data::ByteVocabulary vocabulary(text);
  const Tensor tokens = vocabulary.encode(text);
  require(vocabulary.decode(tokens) == text, "decode() undoes encode()");
  const auto small = [&](size_t at) { return at < text.size() ? static_cast<signed char>(text[at]) : 0; };
  const data::TextDataset set(tokens, {.block_size = small(0), .stride = small(1)});
  for (const int64_t index : {int64_t{0}, set.size() - 1}) {
    const data::Sample sample = set.get(index);
    require(sample[0].numel() == small(0) && sample[1].numel() == small(0), "blocks have their size");
  }
  set.get_batch(std::vector<int64_t>{small(2)});
}

// Numbers out of bytes: small ones, and those where sums and products overflow.
class Bytes {
 public:
  explicit Bytes(std::string bytes) : bytes_(std::move(bytes)) {}
  bool done() const { return at_ >= bytes_.size(); }
  uint8_t byte() { return done() ? 0 : static_cast<uint8_t>(bytes_[at_++]); }
  int64_t number() {
    constexpr int64_t kOdd[] = {INT64_MIN,     INT64_MAX,        INT64_MIN + 1,
                                INT64_MAX - 1, int64_t{1} << 32, -(int64_t{1} << 32)};
    const uint8_t first = byte();
    return first >= 250 ? kOdd[first - 250] : static_cast<int64_t>(first) - 8;
  }

 private:
  std::string bytes_;
  size_t at_ = 0;
};

// Byte 0: the rank; then sizes; then indices, each a kind and its numbers.
void read_index(const std::string& path) {
  Bytes bytes(io::read_file(path, kMegabyte));
  Shape sizes;
  for (int rank = bytes.byte() % 5; rank > 0; --rank) sizes.push_back(bytes.byte() % 6);
  const Tensor t = arange(int64_t{0}, checked_numel("fuzz", sizes)).view(sizes);
  std::vector<TensorIndex> indices;
  while (!bytes.done() && indices.size() < 12) {
    const auto bound = [&]() -> std::optional<int64_t> {
      return bytes.byte() % 4 == 0 ? std::nullopt : std::optional(bytes.number());
    };
    switch (bytes.byte() % 6) {
      case 0: indices.emplace_back(bytes.number()); break;
      case 1: {
        const auto start = bound(), stop = bound(), step = bound();
        indices.emplace_back(Slice(start, stop, step));
        break;
      }
      case 2: indices.emplace_back(None); break;
      case 3: indices.emplace_back(Ellipsis); break;
      case 4: {
        std::vector<int64_t> rows(bytes.byte() % 4);
        for (int64_t& row : rows) row = bytes.number();
        indices.emplace_back(tensor(rows));
        break;
      }
      default: {
        std::vector<bool> mask(bytes.byte() % 6);
        for (size_t i = 0; i < mask.size(); ++i) mask[i] = bytes.byte() % 2;
        indices.emplace_back(tensor(mask));
      }
    }
  }
  const Tensor part = index(t, indices);
  for (const int64_t value : part.to_vector<int64_t>())
    require(value >= 0 && value < t.numel(), "elements are the tensor's");
  Tensor target = t.clone();
  index_put_(target, indices, full({}, -1, {.dtype = t.dtype()}));
}

void read_device(const std::string& path) {
  const std::string text = io::read_file(path, kMegabyte);
  try {
    require(to_string(Device::parse(text)).size() < 16, "a device has a short name");
  } catch (const DeviceError&) {  // a good name; the machine has no such device
  }
}

void read_utf8(const std::string& path) {
  const std::string text = io::read_file(path, kMegabyte), good = to_utf8(text);
  for (std::string_view rest = good; !rest.empty();) {
    const size_t length = utf8_character(rest);
    require(length > 0, "to_utf8() gives UTF-8");
    rest.remove_prefix(length);
  }
  require(to_utf8(good) == good, "UTF-8 stays");
  for (const char c : io::printable(text))
    require(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f, "no control characters");
  require(utf8_prefix(good, 7).size() <= 7 && to_utf8(utf8_prefix(good, 7)) == utf8_prefix(good, 7),
          "no character is split");
}

// Lines "x y" of numbers; a line without two begins another series, named by its text.
void read_chart(const std::string& path) {
  const std::string text = io::read_file(path, kMegabyte);
  training::LineChart chart{.title = text.substr(0, 20), .x_label = "x", .y_label = "y", .series = {{}}};
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    double x = 0, y = 0;
    const auto first = std::from_chars(text.data() + at, text.data() + end, x);
    const auto second = std::from_chars(std::min(first.ptr + 1, text.data() + end), text.data() + end, y);
    if (first.ec == std::errc() && second.ec == std::errc()) {
      chart.series.back().x.push_back(x);
      chart.series.back().y.push_back(y);
    } else if (chart.series.size() < 20) {
      chart.series.push_back({.name = text.substr(at, end - at), .x = {}, .y = {}, .smoothing = 0.5});
    }
    at = end + 1;
  }
  for (const bool log_y : {false, true}) {
    chart.log_y = log_y;
    const std::string svg = training::render_svg(chart);
    for (const char* none : {"=\"nan", "=\"inf", "=\"-nan", "=\"-inf"})
      require(svg.find(none) == std::string::npos, "attributes are numbers");
    for (size_t from = 0; (from = svg.find(" d=\"", from)) != std::string::npos;) {
      from += 4;
      const std::string_view drawn = std::string_view(svg).substr(from, svg.find('"', from) - from);
      require(drawn.find_first_not_of("ML0123456789.-+e ") == std::string_view::npos, "coordinates are numbers");
    }
    require(to_utf8(svg) == svg, "a picture is UTF-8");
  }
}

#ifdef FARRO_FUZZ_OPTIONS
// One argument a line.
void read_options(const std::string& path) {
  const std::string text = io::read_file(path, kMegabyte);
  std::vector<std::string> arguments;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    arguments.insert(arguments.begin(), text.substr(at, end - at));  // CLI11 takes them from the back
    at = end + 1;
  }
  CLI::App app{"", "fuzz"};
  examples::ProgramOptions options;
  int64_t width = 8;
  examples::add_run_options(app, options);
  examples::add_setting(app, options, "--width", width, "");
  try {
    app.parse(arguments);
  } catch (const CLI::ParseError& error) {
    fail<ValueError>(error.what());
  }
  require(options.lr > 0 && std::isfinite(options.lr), "--lr is positive");
  for (const int64_t count : {options.run.epochs, options.batch_size, width})
    require(count >= 1 && count <= 1'000'000'000, "counts are in range");
  for (const int64_t from_zero :
       {options.seed, options.run.max_steps, options.run.checkpoint_every, int64_t{options.threads}})
    require(from_zero >= 0 && from_zero < INT64_MAX, "what may be 0 is not negative");
}
#endif

}  // namespace

std::string temporary_path() { return str("/dev/shm/farro_fuzz_", ::getpid()); }

std::map<std::string, Target> targets() {
  return {
      {"safetensors", {read_safetensors, true}},
      {"npy", {[](const std::string& path) { io::load_npy(path); }, true}},
      {"idx", {[](const std::string& path) { data::read_idx(path, 3, kMegabyte); }, true}},
      {"gzip", {[](const std::string& path) { io::read_maybe_gzip(path, kMegabyte); }, true}},
      {"json", {[](const std::string& path) { io::parse_json(io::read_file(path), path); }, true}},
      {"metrics", {read_metrics, true}},
      {"checkpoint", {read_checkpoint, true}},
      {"state_dict", {read_state_dict}},
      {"text", {read_text}},
      {"index", {read_index}},
      {"device", {read_device}},
      {"utf8", {read_utf8}},
      {"chart", {read_chart}},
#ifdef FARRO_FUZZ_OPTIONS
      {"options", {read_options}},
#endif
  };
}

}  // namespace farro::fuzz
