// Trains a small GPT on the bytes of a text file and prints a sample of what it would write.
#include <farro/core/io/progress.h>
#include <farro/examples/common/program.h>
#include <farro/examples/common/run_folder.h>
#include <farro/examples/common/training_state.h>
#include <farro/farro.h>
#include <farro/nn/models/gpt.h>

#include <CLI/CLI.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>

namespace {

using namespace farro;
using namespace farro::examples;

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

std::string write_sample(nn::GPT& net, const data::ByteVocabulary& vocabulary, const ModelOptions& model, uint64_t seed,
                         Device device) {
  const inference_mode no_graph;
  net.eval();
  RandomSequence random(Generator(seed).child(0));
  std::vector<int64_t> tokens{vocabulary.encode("\n").item<int64_t>()};
  while (static_cast<int64_t>(tokens.size()) <= model.sample) {
    const auto context = std::min<int64_t>(static_cast<int64_t>(tokens.size()), model.block_size);
    const std::vector<int64_t> tail(tokens.end() - context, tokens.end());
    const Tensor logits = net(tensor(tail, {1, context}).to(device));
    tokens.push_back(draw(logits.select(0, 0).select(0, context - 1), model.temperature, random));
  }
  net.train();
  return vocabulary.decode(tensor(tokens));
}

void train(const RunOptions& options, const ModelOptions& model, const std::string& text_path) {
  if (options.threads) set_num_threads(options.threads);
  manual_seed(options.seed);
  const Device device = Device::parse(options.device);
  const std::string text = io::read_file(text_path);
  const data::ByteVocabulary vocabulary(text);
  // Samples overlap by half, so that a byte is seen early and late in a block.
  const data::TextDataset set(vocabulary.encode(text), {.block_size = model.block_size, .stride = (model.block_size + 1) / 2});
  data::DataLoader loader(set, {.batch_size = options.batch_size, .shuffle = true, .workers = 1, .seed = options.seed});
  nn::GPT net({.vocab_size = vocabulary.size(),
               .block_size = model.block_size,
               .layers = model.layers,
               .heads = model.heads,
               .embed_dim = model.width});
  net.to(device);
  optim::AdamW adamw(net.parameters(), {.lr = options.lr, .beta2 = 0.99, .weight_decay = 0.1});
  const int64_t last_step = options.epochs * loader.batches();
  optim::Scheduler schedule(adamw, optim::one_cycle_lr({.max_lr = options.lr,
                                                        .total_steps = last_step,
                                                        .pct_start = 0.1,
                                                        .cycle_momentum = false}));
  TrainingState state{net, adamw, schedule, loader};
  RunFolder run = open_run(options, state, "char_lm", "tokens");
  std::printf("char_lm: %lld bytes, vocabulary of %lld, %lld parameters on %s, run in %s\n",
              static_cast<long long>(text.size()), static_cast<long long>(vocabulary.size()),
              static_cast<long long>(net.num_parameters()), to_string(device).c_str(), run.path().c_str());

  const int64_t stop_at = options.max_steps ? std::min(options.max_steps, last_step) : last_step;
  while (state.step < stop_at && !stop_requested()) {
    const int64_t epoch = loader.epoch();
    io::Progress progress(stdout, {.label = str("epoch ", epoch + 1, "/", options.epochs),
                                   .total = set.size() * model.block_size,
                                   .unit = "tokens"});
    progress.advance(loader.position() * options.batch_size * model.block_size);
    double loss_sum = 0;
    int64_t seen = 0;
    data::Batch batch;
    while (state.step < stop_at && !stop_requested() && loader.next(batch)) {
      const auto start = std::chrono::steady_clock::now();
      adamw.zero_grad();
      const Tensor logits = net(batch[0].to(device));
      const Tensor loss = cross_entropy(logits.flatten(0, 1), batch[1].to(device).flatten());
      loss.backward();
      const double grad_norm = optim::clip_grad_norm_(adamw.params(), 1.0).item();
      const double lr = adamw.lr();
      adamw.step();
      schedule.step();
      ++state.step;

      const double loss_value = loss.item();
      FARRO_CHECK(std::isfinite(loss_value), ValueError, "training: loss must stay finite, got ", loss_value, " at step ",
                  state.step, "; try a lower --lr");
      const int64_t tokens = batch.size() * model.block_size;
      loss_sum += loss_value * static_cast<double>(tokens);
      seen += tokens;
      run.record(StepRecord{
          .step = state.step,
          .loss = loss_value,
          .lr = lr,
          .items_per_second = static_cast<double>(tokens) /
                              std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(),
          .grad_norm = grad_norm,
          .digest = state.digest(loss)});
      progress.advance(tokens, {{"loss", loss_sum / static_cast<double>(seen)}});
      if (options.checkpoint_every && state.step % options.checkpoint_every == 0) state.save(run.checkpoints());
    }
    progress.finish({{"loss", loss_sum / static_cast<double>(seen)}});
    state.save(run.checkpoints());
  }
  std::printf("--- a sample\n%s\n---\n", write_sample(net, vocabulary, model, options.seed, device).c_str());
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Trains a small GPT on the bytes of a text", "char_lm"};
  RunOptions options;
  options.epochs = 10;
  options.batch_size = 32;
  options.lr = 3e-3;
  ModelOptions model;
  std::string text = kDefaultText;
  app.add_option("text", text, "The text to learn")->capture_default_str();
  add_run_options(app, options);
  app.add_option("--block-size", model.block_size, "Bytes the model looks back")->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--layers", model.layers, "Transformer blocks")->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--heads", model.heads, "Attention heads; must divide --width")->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--width", model.width, "Features per token")->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--sample", model.sample, "Bytes to print at the end")->check(CLI::NonNegativeNumber)->capture_default_str();
  app.add_option("--temperature", model.temperature, "Below 1 the sample is more careful")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  return run_program(app, argc, argv, [&] { train(options, model, text); });
}
