// SPDX-License-Identifier: Apache-2.0
// A small training that uses all that a checkpoint must bring back: dropout's random numbers, a shuffled loader, an
// optimizer with state and a schedule.
#pragma once

#include <farro/autograd/node/grad_mode.h>
#include <farro/core/random/generator.h>
#include <farro/data/loader/loader.h>
#include <farro/kernels/loss/pair_loss.h>
#include <farro/kernels/memory/factories.h>
#include <farro/kernels/random/dropout.h>
#include <farro/kernels/random/random.h>
#include <farro/nn/layers/linear.h>
#include <farro/optim/clip/clip.h>
#include <farro/optim/optimizers/adam.h>
#include <farro/train/run/training_run.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace farro::training {

struct Net : nn::Module {
  nn::Linear fc1{*this, "fc1", {.in_features = 3, .out_features = 8}};
  nn::Linear fc2{*this, "fc2", {.in_features = 8, .out_features = 1}};
  Tensor forward(const Tensor& x) override { return fc2(dropout(fc1(x), 0.25, is_training())); }
};

inline Tensor seeded(uint64_t seed, const Shape& sizes) {
  manual_seed(seed);
  return randn(sizes);
}

// Five batches an epoch, the last one smaller.
struct Training {
  double lr = 0.05;
  std::string precision = "none";
  data::TensorDataset set{{seeded(1, {18, 3}), seeded(2, {18, 1})}};
  data::DataLoader loader{set, {.batch_size = 4, .shuffle = true, .workers = 1, .seed = 3}};
  Net net = Net();
  optim::Adam adam{net.parameters(), {.lr = lr}};
  optim::Scheduler schedule{adam, optim::exponential_lr(0.9)};
  TrainingState state{.model = net,
                      .optimizer = adam,
                      .loader = loader,
                      .schedule = &schedule,
                      .settings = {{.name = "--lr", .value = &lr}, {.name = "--precision", .value = &precision}}};

  Training() { state.input.set_number("data", int64_t{77}); }

  double evaluate() {
    const inference_mode no_graph;
    net.eval();
    const double loss = mse_loss(net(set.tensors()[0]), set.tensors()[1]).item();
    net.train();
    return loss;
  }

  // All that is left of the run. Returns what its summary says.
  RunSummary train(std::optional<Checkpoint> checkpoint, const RunOptions& options) {
    TrainingRun run(state, std::move(checkpoint), options);
    data::Batch batch;
    while (run.begin_epoch()) {
      while (run.next(batch)) {
        adam.zero_grad();
        const Tensor loss = mse_loss(net(batch[0]), batch[1]);
        loss.backward();
        const double grad_norm = optim::clip_grad_norm_(adam.parameters(), 1.0).item();
        const double rate = adam.lr();
        adam.step();
        schedule.step();
        run.record({.loss = loss, .lr = rate, .grad_norm = grad_norm});
      }
      run.end_epoch([&] { return Score{.loss = evaluate()}; });
    }
    return run.summary();
  }
};

}  // namespace farro::training
