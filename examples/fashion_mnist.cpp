// Trains a small convolutional network on Fashion-MNIST: the whole of a training program on one page. What it leaves
// behind, its options and its errors are in README.md; common/ has what the examples share.
#include <farro/core/io/atomic_file.h>
#include <farro/core/io/progress.h>
#include <farro/examples/common/program.h>
#include <farro/examples/common/run_folder.h>
#include <farro/examples/common/training_state.h>
#include <farro/farro.h>

#include <CLI/CLI.hpp>

#include <chrono>
#include <cstdio>

namespace {

using namespace farro;
using namespace farro::examples;

struct Net : nn::Module {
  nn::Conv2d conv1{*this, "conv1", {.in_channels = 1, .out_channels = 32, .kernel_size = 3, .padding = 1}};
  nn::Conv2d conv2{*this, "conv2", {.in_channels = 32, .out_channels = 64, .kernel_size = 3, .padding = 1}};
  nn::Linear fc1{*this, "fc1", {.in_features = 64 * 7 * 7, .out_features = 128}};
  nn::Linear fc2{*this, "fc2", {.in_features = 128, .out_features = 10}};

  Tensor forward(const Tensor& images) override {
    Tensor x = max_pool2d(relu(conv1(images)), {.kernel_size = {2}});
    x = max_pool2d(relu(conv2(x)), {.kernel_size = {2}});
    x = dropout(relu(fc1(x.flatten(1))), 0.25, is_training());
    return fc2(x);
  }
};

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

struct Score {
  double loss = 0;
  double accuracy = 0;
};

Score evaluate(Net& net, const data::Dataset& test, Device device) {
  const inference_mode no_graph;
  net.eval();
  data::DataLoader loader(test, {.batch_size = 500, .workers = 1, .transforms = {data::normalize(
                                     {data::kFashionMnistMean}, {data::kFashionMnistStd})}});
  double loss = 0;
  int64_t correct = 0;
  for (const data::Batch& batch : loader) {
    const Tensor labels = batch[1].to(device);
    const Tensor logits = net(batch[0].to(device));
    loss += cross_entropy(logits, labels).item() * static_cast<double>(batch.size());
    correct += (logits.argmax(1) == labels).sum().item<int64_t>();
  }
  net.train();
  const double count = static_cast<double>(test.size());
  return {loss / count, static_cast<double>(correct) / count};
}

void train(const RunOptions& options, const std::string& data_folder) {
  if (options.threads) set_num_threads(options.threads);
  manual_seed(options.seed);
  const Device device = Device::parse(options.device);
  // All that can be wrong with the input is found before the run's folder is made.
  const data::FashionMnist train_set(data::Split::train, data_folder), test_set(data::Split::test, data_folder);
  data::DataLoader loader(train_set,
                          {.batch_size = options.batch_size,
                           .shuffle = true,
                           .workers = 1,
                           .seed = options.seed,
                           .transforms = {data::random_horizontal_flip(),
                                          data::normalize({data::kFashionMnistMean}, {data::kFashionMnistStd})}});
  Net net;
  net.to(device);
  optim::AdamW adamw(net.parameters(), {.lr = options.lr, .weight_decay = 0.01});
  optim::Scheduler schedule(adamw, optim::one_cycle_lr({.max_lr = options.lr,
                                                        .total_steps = options.epochs * loader.batches(),
                                                        .cycle_momentum = false}));
  TrainingState state{net, adamw, schedule, loader};
  RunFolder run = open_run(options, state, "fashion_mnist", "images");
  std::printf("fashion_mnist: %lld parameters on %s, run in %s\n", static_cast<long long>(net.num_parameters()),
              to_string(device).c_str(), run.path().c_str());

  const int64_t last_step = options.epochs * loader.batches();
  const int64_t stop_at = options.max_steps ? std::min(options.max_steps, last_step) : last_step;
  const auto start = std::chrono::steady_clock::now();
  while (state.step < stop_at && !stop_requested()) {
    const int64_t epoch = loader.epoch();
    io::Progress progress(stdout, {.label = str("epoch ", epoch + 1, "/", options.epochs), .total = train_set.size()});
    progress.advance(loader.position() * options.batch_size);
    double loss_sum = 0;
    int64_t seen = 0, correct = 0;
    data::Batch batch;
    while (state.step < stop_at && !stop_requested() && loader.next(batch)) {
      const auto step_start = std::chrono::steady_clock::now();
      const Tensor labels = batch[1].to(device);
      adamw.zero_grad();
      const Tensor logits = net(batch[0].to(device));
      const Tensor loss = cross_entropy(logits, labels);
      loss.backward();
      const double grad_norm = optim::clip_grad_norm_(adamw.params(), 1.0).item();
      const double lr = adamw.lr();
      adamw.step();
      schedule.step();
      ++state.step;

      const double loss_value = loss.item();
      FARRO_CHECK(std::isfinite(loss_value), ValueError, "training: loss must stay finite, got ", loss_value, " at step ",
                  state.step, "; try a lower --lr");
      seen += batch.size();
      loss_sum += loss_value * static_cast<double>(batch.size());
      correct += (logits.detach().argmax(1) == labels).sum().item<int64_t>();
      run.record(StepRecord{.step = state.step,
                            .loss = loss_value,
                            .lr = lr,
                            .items_per_second = static_cast<double>(batch.size()) / seconds_since(step_start),
                            .grad_norm = grad_norm,
                            .digest = state.digest(loss)});
      progress.advance(batch.size(), {{"loss", loss_sum / static_cast<double>(seen)},
                                      {"accuracy", static_cast<double>(correct) / static_cast<double>(seen)}});
      if (options.checkpoint_every && state.step % options.checkpoint_every == 0) state.save(run.checkpoints());
    }
    const Score score = evaluate(net, test_set, device);
    progress.finish({{"loss", loss_sum / static_cast<double>(seen)},
                     {"test loss", score.loss},
                     {"test accuracy", score.accuracy}});
    run.record(EpochRecord{.step = state.step, .epoch = epoch + 1, .test_loss = score.loss, .test_accuracy = score.accuracy});
    state.save(run.checkpoints());
    io::save_safetensors(run.path() + "/model.safetensors", net.state_dict().entries(), {{"format", "pt"}});
  }
  std::printf("fashion_mnist: %lld steps in %.1f s, %.1f s of them waiting for input\n",
              static_cast<long long>(state.step), seconds_since(start), loader.input_wait_seconds());
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Trains a convolutional network on Fashion-MNIST", "fashion_mnist"};
  RunOptions options;
  options.batch_size = 64;
  options.lr = 3e-3;
  std::string data_folder = data::kFashionMnistFolder;
  add_run_options(app, options);
  app.add_option("--data", data_folder, "Folder with the four IDX files")->capture_default_str();
  return run_program(app, argc, argv, [&] { train(options, data_folder); });
}
