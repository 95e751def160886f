// SPDX-License-Identifier: Apache-2.0
// Trains a small convolutional network on Fashion-MNIST: the whole of a training program on one page. README.md says
// what it leaves behind, --help what it takes; common/ has the command line that the examples share.
#include <farro/core/util/digest.h>
#include <farro/examples/common/program.h>
#include <farro/farro.h>

#include <CLI/CLI.hpp>

#include <cstdio>
#include <optional>
#include <string>
#include <utility>

namespace {

using namespace farro;
using farro::examples::ProgramOptions;

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

// What the network takes: a wrong data set is refused before the run's folder is made.
void check(const data::FashionMnist& set, const std::string& name) {
  const Tensor &images = set.tensors()[0], &labels = set.tensors()[1];
  FARRO_CHECK(set.size() > 0, ValueError, "--data: ", name, " set must have images, got none");
  FARRO_CHECK(images.size(2) == 28 && images.size(3) == 28, ShapeError, "--data: ", name,
              " images must have 28 x 28 pixels, got ", images.size(2), " x ", images.size(3));
  const int64_t most = labels.max().item<int64_t>();
  FARRO_CHECK(most < 10, ValueError, "--data: ", name, " labels must be in [0, 10), got ", most);
}

int64_t count_correct(const Tensor& logits, const Tensor& labels) {
  return (logits.detach().argmax(1) == labels).sum().item<int64_t>();
}

training::Score evaluate(Net& net, const data::Dataset& test, Device device) {
  const inference_mode no_graph;
  net.eval();
  data::DataLoader loader(test, {.batch_size = 500,
                                 .workers = 1,
                                 .transforms = {data::normalize({data::kFashionMnistMean}, {data::kFashionMnistStd})}});
  double loss = 0;
  int64_t correct = 0;
  for (const data::Batch& batch : loader) {
    const Tensor labels = batch[1].to(device);
    const Tensor logits = net(batch[0].to(device));
    loss += cross_entropy(logits, labels).item() * static_cast<double>(batch.size());
    correct += count_correct(logits, labels);
  }
  net.train();
  const double count = static_cast<double>(test.size());
  return {loss / count, static_cast<double>(correct) / count};
}

void train(ProgramOptions& options, const std::string& data_folder) {
  std::optional<training::Checkpoint> checkpoint = examples::load_checkpoint(options);
  if (options.threads) set_num_threads(options.threads);
  manual_seed(static_cast<uint64_t>(options.seed));
  const data::FashionMnist train_set(data::Split::train, data_folder), test_set(data::Split::test, data_folder);
  check(train_set, "training");
  check(test_set, "test");
  data::DataLoader loader(train_set,
                          {.batch_size = options.batch_size,
                           .shuffle = true,
                           .workers = 1,
                           .seed = static_cast<uint64_t>(options.seed),
                           .transforms = {data::random_horizontal_flip(),
                                          data::normalize({data::kFashionMnistMean}, {data::kFashionMnistStd})}});
  Net net;
  const Device device = examples::choose_device(options, net, zeros({1, 1, 28, 28}));
  optim::AdamW adamw(net.parameters(), {.lr = options.lr, .weight_decay = 0.01});
  optim::Scheduler schedule(adamw,
                            optim::one_cycle_lr({.max_lr = options.lr,
                                                 .total_steps = training::total_steps(options.run.epochs, loader),
                                                 .cycle_momentum = false}));
  training::TrainingState state{
      .model = net, .optimizer = adamw, .loader = loader, .schedule = &schedule, .settings = options.settings()};
  Digest digest;
  for (const auto* set : {&train_set, &test_set})
    for (const Tensor& tensor : set->tensors()) digest.add(tensor);
  state.input.set_number("data", static_cast<int64_t>(digest.value()));
  options.run.unit = "images";
  training::TrainingRun run(state, std::move(checkpoint), options.run);
  std::printf("fashion_mnist: %lld parameters on %s, run in %s\n", static_cast<long long>(net.num_parameters()),
              to_string(device).c_str(), run.path().c_str());

  const examples::Precision precision = examples::precision(options);
  data::Batch batch;
  while (run.begin_epoch()) {
    while (run.next(batch)) {
      const Tensor labels = batch[1].to(device);
      adamw.zero_grad();
      Tensor logits, loss;
      {
        const autocast scope(precision.dtype, precision.enabled);
        logits = net(batch[0].to(device));
        loss = cross_entropy(logits, labels);
      }
      loss.backward();
      const double grad_norm = optim::clip_grad_norm_(adamw.parameters(), 1.0).item();
      const double lr = adamw.lr();
      adamw.step();
      schedule.step();
      run.record({.loss = loss, .lr = lr, .grad_norm = grad_norm, .correct = count_correct(logits, labels)});
    }
    run.end_epoch([&] { return evaluate(net, test_set, device); });
  }
  examples::print_summary(options, run);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Trains a convolutional network on Fashion-MNIST", "fashion_mnist"};
  ProgramOptions options;
  options.batch_size = 64;
  options.lr = 3e-3;
  std::string data_folder = data::kFashionMnistFolder;
  examples::add_run_options(app, options);
  app.add_option("--data", data_folder, "Folder with the four IDX files")
      ->check(examples::check_path)
      ->capture_default_str();
  return examples::run_program(app, argc, argv, [&] { train(options, data_folder); });
}
