// SPDX-License-Identifier: Apache-2.0
// What README.md says is there is there with <farro/farro.h> alone: no other header of the library may be included
// here.
#include <farro/farro.h>

#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <sstream>

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

}  // namespace

int main() {
  const std::string folder =
      std::filesystem::temp_directory_path() / ("farro_readme_claims_" + std::string(FARRO_VERSION));
  std::filesystem::create_directories(folder);
  claim(std::string(version()) == FARRO_VERSION, "the version of header and library");
  tensors();
  gradients();
  files(folder);
  std::filesystem::remove_all(folder);
  return 0;
}
