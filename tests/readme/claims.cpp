// SPDX-License-Identifier: Apache-2.0
// What README.md says is there is there with <farro/farro.h> alone: no other header of the library may be included
// here.
#include <farro/farro.h>

#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <optional>
#include <sstream>
#include <string>
#include <utility>

using namespace farro;

namespace {

void claim(bool holds, const char* what) {
  if (holds) return;
  std::cerr << "README.md: " << what << '\n';
  std::exit(1);
}

struct Twice {
  Tensor forward(FunctionContext&, const Tensor& x) { return x * 2; }
  std::vector<Tensor> backward(FunctionContext&, const std::vector<Tensor>& grads) { return {grads[0] * 2}; }
};

void tensors() {
  std::cout << ones({2}) << '\n';
  std::ostringstream text;
  text << ones({2});
  claim(text.str() == "tensor([1., 1.])", "tensors are printed");
  claim(empty({2, 3}, {.device = Device::meta()}).size(1) == 3, "meta tensors");
  manual_seed(3);
  const Tensor a = randn({4});
  manual_seed(3);
  claim(a.to_vector<float>() == randn({4}).to_vector<float>(), "random numbers from a seed");
}

void gradients() {
  Tensor x = tensor({1, 2, 3}, {.dtype = DType::f64}).set_requires_grad();
  const TensorFunction cube = [](const std::vector<Tensor>& in) { return std::vector{in[0] * in[0] * in[0]}; };
  gradcheck(cube, {x});
  gradgradcheck(cube, {x});
  const AnomalyGuard anomaly;
  int calls = 0;
  register_post_accumulate_hook(x, [&] { ++calls; });
  checkpoint([](const Tensor& t) { return t * t; }, x).sum().backward();
  claim(calls == 1 && x.grad().to_vector<double>() == std::vector<double>{2, 4, 6}, "checkpoints and hooks");
  claim(grad(apply_function<Twice>(x).sum(), x).to_vector<double>() == std::vector<double>{2, 2, 2},
        "custom functions");
  const autocast scope(DType::bf16);
  claim(matmul(ones({2, 2}), ones({2, 2})).dtype() == DType::bf16, "autocast");
}

void files(const std::string& folder) {
  io::save_safetensors(folder + "/t.safetensors", {{"w", ones({2})}});
  const auto loaded = io::load_safetensors(folder + "/t.safetensors").tensors;
  claim(loaded.size() == 1 && loaded.begin()->second.to_vector<float>() == std::vector<float>{1, 1}, "safetensors");
  io::CheckpointFolder(folder + "/checkpoints").save(1, {{"w", ones({2})}});
  start_profile({.trace_path = folder + "/trace.json"});
  { const ProfileRange range("mine"); }
  claim(!format_table(stop_profile()).empty(), "profiles");
}

// The program of the section on runs; called twice, it goes on where it was stopped.
int64_t steps_of_a_run(const std::string& folder, int64_t max_steps) {
  const data::TensorDataset train({ones({8, 3}), zeros({8}, {.dtype = DType::i64})});
  data::DataLoader loader(train, {.batch_size = 2, .shuffle = true});
  nn::Linear net(nn::root, "net", {.in_features = 3, .out_features = 2});
  double lr = 0.1;
  optim::AdamW adamw(net.parameters(), {.lr = lr});
  training::TrainingState state{
      .model = net, .optimizer = adamw, .loader = loader, .settings = {{.name = "lr", .value = &lr}}};
  Digest data;
  for (const Tensor& tensor : train.tensors()) data.add(tensor);
  state.input.set_number("data", static_cast<int64_t>(data.value()));
  std::optional<training::Checkpoint> checkpoint;
  if (training::holds_run(folder)) checkpoint = training::load_checkpoint(folder);
  training::TrainingRun run(state, std::move(checkpoint), {.out = folder, .epochs = 5, .max_steps = max_steps});
  data::Batch batch;
  while (run.begin_epoch()) {
    while (run.next(batch)) {
      adamw.zero_grad();
      const Tensor loss = cross_entropy(net(batch[0]), batch[1]);
      loss.backward();
      adamw.step();
      run.record({.loss = loss, .lr = adamw.lr()});
    }
    run.end_epoch();
  }
  return run.summary().steps;
}

void runs(const std::string& folder) {
  const std::string run = folder + "/run";
  claim(steps_of_a_run(run, 7) == 7 && steps_of_a_run(run, 0) == 13, "a stopped run goes on");
  for (const char* file : {"metrics.jsonl", "curves.svg", "model.safetensors", "checkpoints"})
    claim(std::filesystem::exists(run + "/" + file), "what a run leaves behind");
}

}  // namespace

int main() {
  const std::string folder =
      std::filesystem::temp_directory_path() / ("farro_readme_claims_" + std::string(FARRO_VERSION));
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  claim(std::string(version()) == FARRO_VERSION, "the version of header and library");
  tensors();
  gradients();
  files(folder);
  runs(folder);
  std::filesystem::remove_all(folder);
  return 0;
}
