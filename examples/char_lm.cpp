// SPDX-License-Identifier: Apache-2.0
// Trains a small GPT on the bytes of a text file and prints a sample of what it would write.
#include <farro/core/util/digest.h>
#include <farro/examples/common/program.h>
#include <farro/farro.h>
#include <farro/nn/models/gpt.h>

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstdio>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace farro;
using farro::examples::ProgramOptions;

// A text that every Debian has.
constexpr const char* kDefaultText = "/usr/share/common-licenses/GPL-3";

struct ModelOptions {
  int64_t block_size = 64;
  int64_t layers = 4;
  int64_t heads = 4;
  int64_t width = 128;
  int64_t sample = 400;
  double temperature = 0.8;
};

// Draws the next token from the softmax of the logits.
int64_t draw(const Tensor& logits, double temperature, RandomSequence& random) {
  const std::vector<double> probabilities = softmax(logits / temperature, -1).to_vector<double>();
  double rest = random.uniform();
  for (size_t token = 0; token + 1 < probabilities.size(); ++token) {
    rest -= probabilities[token];
    if (rest < 0) return static_cast<int64_t>(token);
  }
  return static_cast<int64_t>(probabilities.size()) - 1;
}

// A text that goes on from `start`.
std::string write_sample(nn::GPT& net, const data::ByteVocabulary& vocabulary, std::string_view start,
                         const ModelOptions& model, int64_t seed, Device device) {
  const inference_mode no_graph;
  net.eval();
  RandomSequence random(Generator(static_cast<uint64_t>(seed)).child(0));
  std::vector<int64_t> tokens = vocabulary.encode(start).to_vector<int64_t>();
  while (static_cast<int64_t>(tokens.size()) <= model.sample) {
    const auto context = std::min<int64_t>(static_cast<int64_t>(tokens.size()), model.block_size);
    const std::vector<int64_t> tail(tokens.end() - context, tokens.end());
    const Tensor logits = net(tensor(tail, {1, context}).to(device));
    tokens.push_back(draw(logits.select(0, 0).select(0, context - 1), model.temperature, random));
  }
  net.train();
  return vocabulary.decode(tensor(tokens));
}

Tensor loss_of(nn::GPT& net, const data::Batch& batch, Device device) {
  return cross_entropy(net(batch[0].to(device)).flatten(0, 1), batch[1].to(device).flatten());
}

training::Score evaluate(nn::GPT& net, const data::Dataset& test, int64_t batch_size, Device device) {
  const inference_mode no_graph;
  net.eval();
  data::DataLoader loader(test, {.batch_size = batch_size, .workers = 1});
  double loss = 0;
  for (const data::Batch& batch : loader)
    loss += loss_of(net, batch, device).item() * static_cast<double>(batch.size());
  net.train();
  return {.loss = loss / static_cast<double>(test.size())};
}

void train(ProgramOptions& options, const ModelOptions& model, const std::string& text_path) {
  std::optional<training::Checkpoint> checkpoint = examples::load_checkpoint(options);
  if (options.threads) set_num_threads(options.threads);
  manual_seed(static_cast<uint64_t>(options.seed));
  FARRO_CHECK(model.width % model.heads == 0, ValueError, "--heads: must divide --width, ", model.width, ", got ",
              model.heads, " heads");
  const std::string text = io::read_file(text_path);
  const auto length = static_cast<int64_t>(text.size());
  // The last tenth, but at least one sample, tests what was learnt from the rest.
  const int64_t test_length = std::max(length / 10, model.block_size + 1), train_length = length - test_length;
  FARRO_CHECK(train_length > model.block_size, ValueError, "--data: text must have at least ",
              2 * (model.block_size + 1), " bytes, twice --block-size and 2, got ", length);
  const data::ByteVocabulary vocabulary(text);
  const Tensor tokens = vocabulary.encode(text);
  // Samples overlap by half, so that a byte is seen early and late in a block.
  const data::TextDataset train_set(tokens.narrow(0, 0, train_length),
                                    {.block_size = model.block_size, .stride = (model.block_size + 1) / 2});
  const data::TextDataset test_set(tokens.narrow(0, train_length, test_length), {.block_size = model.block_size});
  data::DataLoader loader(
      train_set,
      {.batch_size = options.batch_size, .shuffle = true, .workers = 1, .seed = static_cast<uint64_t>(options.seed)});
  nn::GPT net({.vocab_size = vocabulary.size(),
               .block_size = model.block_size,
               .layers = model.layers,
               .heads = model.heads,
               .embed_dim = model.width});
  const Device device = examples::choose_device(options, net, zeros({1, model.block_size}, {.dtype = DType::i64}));
  optim::AdamW adamw(net.parameters(), {.lr = options.lr, .beta2 = 0.99, .weight_decay = 0.1});
  optim::Scheduler schedule(adamw,
                            optim::one_cycle_lr({.max_lr = options.lr,
                                                 .total_steps = training::total_steps(options.run.epochs, loader),
                                                 .pct_start = 0.1,
                                                 .cycle_momentum = false}));
  training::TrainingState state{
      .model = net, .optimizer = adamw, .loader = loader, .schedule = &schedule, .settings = options.settings()};
  // Enough to use the weights without the text, and to know it again.
  state.input.set("vocabulary", tensor(std::vector<uint8_t>(vocabulary.bytes().begin(), vocabulary.bytes().end())));
  Digest digest;
  digest.add(tokens);
  state.input.set_number("text", static_cast<int64_t>(digest.value()));
  options.run.unit = "tokens";
  options.run.items_per_sample = model.block_size;
  training::TrainingRun run(state, std::move(checkpoint), options.run);
  std::printf("char_lm: %lld bytes, vocabulary of %lld, %lld parameters on %s, run in %s\n",
              static_cast<long long>(length), static_cast<long long>(vocabulary.size()),
              static_cast<long long>(net.num_parameters()), to_string(device).c_str(), run.path().c_str());

  const examples::Precision precision = examples::precision(options);
  data::Batch batch;
  while (run.begin_epoch()) {
    while (run.next(batch)) {
      adamw.zero_grad();
      Tensor loss;
      {
        const autocast scope(precision.dtype, precision.enabled);
        loss = loss_of(net, batch, device);
      }
      loss.backward();
      const double grad_norm = optim::clip_grad_norm_(adamw.parameters(), 1.0).item();
      const double lr = adamw.lr();
      adamw.step();
      schedule.step();
      run.record({.loss = loss, .lr = lr, .grad_norm = grad_norm});
    }
    run.end_epoch([&] { return evaluate(net, test_set, options.batch_size, device); });
  }
  examples::print_summary(options, run);
  const std::string start = text.find('\n') == std::string::npos ? text.substr(0, 1) : "\n";
  std::printf("--- a sample\n%s\n---\n", write_sample(net, vocabulary, start, model, options.seed, device).c_str());
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Trains a small GPT on the bytes of a text", "char_lm"};
  ProgramOptions options;
  options.run.epochs = 10;
  options.batch_size = 32;
  options.lr = 3e-3;
  ModelOptions model;
  std::string text = kDefaultText;
  app.add_option("--data,text", text, "The text to learn")->check(examples::check_path)->capture_default_str();
  examples::add_run_options(app, options);
  examples::add_setting(app, options, "--block-size", model.block_size, "Bytes the model looks back");
  examples::add_setting(app, options, "--layers", model.layers, "Transformer blocks");
  examples::add_setting(app, options, "--heads", model.heads, "Attention heads; must divide --width");
  examples::add_setting(app, options, "--width", model.width, "Features per token");
  app.add_option("--sample", model.sample, "Bytes to print at the end")
      ->transform(examples::whole_number(0, 1'000'000'000))
      ->capture_default_str();
  // Beyond these the logits leave f32, and every draw would be of the last token.
  app.add_option("--temperature", model.temperature, "Below 1 the sample is more careful")
      ->transform(examples::number_between(1e-3, 1e3))
      ->capture_default_str();
  return examples::run_program(app, argc, argv, [&] { train(options, model, text); });
}
