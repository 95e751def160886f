// The peer's side of the comparison: the same loops as farro_bench, written with LibTorch. Prints one JSON object per
// case: {"case": ..., "threads": ..., "seconds": seconds of one iteration}. Run by tools/bench/compare.
#include <torch/torch.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace {

double seconds_of(const std::function<void()>& body, int64_t iterations) {
  const auto start = std::chrono::steady_clock::now();
  for (int64_t i = 0; i < iterations; ++i) body();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() / static_cast<double>(iterations);
}

struct LeNet : torch::nn::Module {
  torch::nn::Conv2d conv1{nullptr}, conv2{nullptr};
  torch::nn::Linear fc1{nullptr}, fc2{nullptr};
  LeNet() {
    conv1 = register_module("conv1", torch::nn::Conv2d(torch::nn::Conv2dOptions(1, 32, 3).padding(1)));
    conv2 = register_module("conv2", torch::nn::Conv2d(torch::nn::Conv2dOptions(32, 64, 3).padding(1)));
    fc1 = register_module("fc1", torch::nn::Linear(64 * 7 * 7, 128));
    fc2 = register_module("fc2", torch::nn::Linear(128, 10));
  }
  torch::Tensor forward(torch::Tensor x) {
    x = torch::max_pool2d(torch::relu(conv1(x)), 2);
    x = torch::max_pool2d(torch::relu(conv2(x)), 2);
    return fc2(torch::relu(fc1(x.flatten(1))));
  }
};

torch::nn::Sequential mlp(std::initializer_list<int64_t> sizes) {
  torch::nn::Sequential net;
  const int64_t* at = sizes.begin();
  for (size_t i = 0; i + 1 < sizes.size(); ++i) {
    net->push_back(torch::nn::Linear(at[i], at[i + 1]));
    if (i + 2 < sizes.size()) net->push_back(torch::nn::ReLU());
  }
  return net;
}

using Body = std::function<void()>;

Body make_add(bool grad) {
  auto a = torch::rand({8}).requires_grad_(grad), b = torch::rand({8}).requires_grad_(grad);
  return [=] { auto c = a + b; };
}

Body make_chain() {
  auto x = torch::ones({8}).requires_grad_(), c = torch::ones({8}), g = torch::ones({8});
  return [=] {
    auto y = x;
    for (int i = 0; i < 1000; ++i) y = y * c;
    y.backward(g);
  };
}

Body make_mlp_small() {
  auto net = std::make_shared<torch::nn::Sequential>(mlp({32, 32, 32, 1}));
  auto adam = std::make_shared<torch::optim::Adam>((*net)->parameters(), torch::optim::AdamOptions(1e-3));
  auto x = torch::rand({8, 32}), y = torch::rand({8, 1});
  return [=] {
    adam->zero_grad();
    torch::mse_loss((*net)->forward(x), y).backward();
    adam->step();
  };
}

Body make_mlp_large() {
  auto net = std::make_shared<torch::nn::Sequential>(mlp({784, 1024, 1024, 10}));
  auto adam = std::make_shared<torch::optim::Adam>((*net)->parameters(), torch::optim::AdamOptions(1e-3));
  auto x = torch::rand({128, 784}), y = torch::randint(10, {128});
  return [=] {
    adam->zero_grad();
    torch::nn::functional::cross_entropy((*net)->forward(x), y).backward();
    adam->step();
  };
}

Body make_cnn() {
  auto net = std::make_shared<LeNet>();
  auto adam = std::make_shared<torch::optim::Adam>(net->parameters(), torch::optim::AdamOptions(1e-3));
  auto x = torch::rand({64, 1, 28, 28}), y = torch::randint(10, {64});
  return [=] {
    adam->zero_grad();
    torch::nn::functional::cross_entropy(net->forward(x), y).backward();
    adam->step();
  };
}

Body make_case(const std::string& name) {
  if (name == "add") return make_add(false);
  if (name == "add_grad") return make_add(true);
  if (name == "chain") return make_chain();
  if (name == "mlp_small") return make_mlp_small();
  if (name == "mlp_large") return make_mlp_large();
  if (name == "cnn") return make_cnn();
  std::fprintf(stderr, "unknown case %s\n", name.c_str());
  std::exit(2);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    std::fprintf(stderr, "usage: libtorch_bench CASE THREADS ITERATIONS ROUNDS\n");
    return 2;
  }
  const std::string name = argv[1];
  torch::set_num_threads(std::atoi(argv[2]));
  const int64_t iterations = std::atoll(argv[3]);
  const Body body = make_case(name);
  seconds_of(body, iterations / 5 + 1);
  for (int round = 0; round < std::atoi(argv[4]); ++round)
    std::printf("{\"case\": \"%s\", \"threads\": %s, \"seconds\": %.9g}\n", name.c_str(), argv[2], seconds_of(body, iterations));
}
