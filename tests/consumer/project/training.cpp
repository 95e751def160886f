// SPDX-License-Identifier: Apache-2.0
// A training program of somebody else's: it goes on with the run in the folder it is given, and ends it after 6 steps.
//
//     consumer_training FOLDER MAX_STEPS
#include <farro/farro.h>

#include <cstdio>
#include <optional>
#include <string>
#include <utility>

using namespace farro;

namespace {

void train(const std::string& folder, int64_t max_steps) {
  manual_seed(1);
  double lr = 0.1;
  const data::TensorDataset set({randn({12, 2}), randn({12, 1})});
  data::DataLoader loader(set, {.batch_size = 4, .shuffle = true, .seed = 2});
  nn::Linear net(nn::root, "net", {.in_features = 2, .out_features = 1});
  optim::Adam adam(net.parameters(), {.lr = lr});
  training::TrainingState state{
      .model = net, .optimizer = adam, .loader = loader, .settings = {{.name = "lr", .value = &lr}}};
  std::optional<training::Checkpoint> checkpoint;
  if (training::holds_run(folder)) checkpoint = training::load_checkpoint(folder, state.settings);
  training::TrainingRun run(state, std::move(checkpoint),
                            {.out = folder, .epochs = 2, .max_steps = max_steps, .progress = stdout});
  data::Batch batch;
  while (run.begin_epoch()) {
    while (run.next(batch)) {
      adam.zero_grad();
      const Tensor loss = mse_loss(dropout(net(batch[0]), 0.1, true), batch[1]);
      loss.backward();
      adam.step();
      run.record({.loss = loss, .lr = adam.lr()});
    }
    run.end_epoch();
  }
}

}  // namespace

int main(int argc, char** argv) {
  return training::run_program("consumer_training", stderr, [&] {
    if (argc != 3) throw ValueError("usage: consumer_training FOLDER MAX_STEPS");
    train(argv[1], std::stoll(argv[2]));
  });
}
