// SPDX-License-Identifier: Apache-2.0
// Farro's side of the comparison with LibTorch (peer/libtorch_bench.cpp has the same loops). Prints one JSON object per
// round: {"case": ..., "threads": ..., "seconds": seconds of one iteration}. Run by tools/bench/compare.
#include <farro/farro.h>
#include <farro/nn/models/gpt.h>

#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace {

using namespace farro;
using Body = std::function<void()>;

double seconds_of(const Body& body, int64_t iterations) {
  const auto start = std::chrono::steady_clock::now();
  for (int64_t i = 0; i < iterations; ++i) body();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() /
         static_cast<double>(iterations);
}

struct LeNet : nn::Module {
  nn::Conv2d conv1{*this, "conv1", {.in_channels = 1, .out_channels = 32, .kernel_size = {3}, .padding = {1}}};
  nn::Conv2d conv2{*this, "conv2", {.in_channels = 32, .out_channels = 64, .kernel_size = {3}, .padding = {1}}};
  nn::Linear fc1{*this, "fc1", {.in_features = 64 * 7 * 7, .out_features = 128}};
  nn::Linear fc2{*this, "fc2", {.in_features = 128, .out_features = 10}};

  Tensor forward(const Tensor& input) override {
    Tensor x = max_pool2d(relu(conv1(input)), {.kernel_size = {2}});
    x = max_pool2d(relu(conv2(x)), {.kernel_size = {2}});
    return fc2(relu(fc1(x.flatten(1))));
  }
};

struct Mlp : nn::Module {
  std::vector<std::unique_ptr<nn::Linear>> layers;
  explicit Mlp(std::initializer_list<int64_t> sizes) {
    const int64_t* at = sizes.begin();
    for (size_t i = 0; i + 1 < sizes.size(); ++i)
      layers.push_back(std::make_unique<nn::Linear>(
          *this, "fc" + std::to_string(i), nn::LinearOptions{.in_features = at[i], .out_features = at[i + 1]}));
  }
  Tensor forward(const Tensor& input) override {
    Tensor x = input;
    for (size_t i = 0; i < layers.size(); ++i) {
      x = (*layers[i])(x);
      if (i + 1 < layers.size()) x = relu(x);
    }
    return x;
  }
};

// ResNet-18 (He et al. 2016) with the stem for small images.
struct ResNetBlock : nn::Module {
  nn::Conv2d conv1, conv2;
  nn::BatchNorm2d bn1, bn2;
  std::unique_ptr<nn::Conv2d> down;
  std::unique_ptr<nn::BatchNorm2d> down_bn;

  ResNetBlock(nn::Parent parent, std::string_view name, int64_t in, int64_t out, int64_t stride)
      : Module(parent, name),
        conv1(*this, "conv1",
              {.in_channels = in,
               .out_channels = out,
               .kernel_size = {3},
               .stride = stride,
               .padding = 1,
               .bias = false}),
        conv2(*this, "conv2",
              {.in_channels = out, .out_channels = out, .kernel_size = {3}, .padding = 1, .bias = false}),
        bn1(*this, "bn1", {.num_features = out}),
        bn2(*this, "bn2", {.num_features = out}) {
    if (stride == 1) return;
    down = std::make_unique<nn::Conv2d>(
        *this, "down",
        nn::ConvLayerOptions{
            .in_channels = in, .out_channels = out, .kernel_size = {1}, .stride = stride, .bias = false});
    down_bn = std::make_unique<nn::BatchNorm2d>(*this, "down_bn", nn::BatchNormOptions{.num_features = out});
  }
  Tensor forward(const Tensor& x) override {
    const Tensor y = bn2(conv2(relu(bn1(conv1(x)))));
    return relu(y + (down ? (*down_bn)((*down)(x)) : x));
  }
};

struct ResNet18 : nn::Module {
  nn::Conv2d stem{
      *this, "stem", {.in_channels = 3, .out_channels = 64, .kernel_size = {3}, .padding = 1, .bias = false}};
  nn::BatchNorm2d bn{*this, "bn", {.num_features = 64}};
  std::vector<std::unique_ptr<ResNetBlock>> blocks;
  nn::Linear fc{*this, "fc", {.in_features = 512, .out_features = 10}};

  ResNet18() {
    for (int i = 0; i < 8; ++i) {
      const int64_t out = int64_t{64} << i / 2, in = i % 2 == 0 && i > 0 ? out / 2 : out;
      blocks.push_back(std::make_unique<ResNetBlock>(*this, "block" + std::to_string(i), in, out, in == out ? 1 : 2));
    }
  }
  Tensor forward(const Tensor& input) override {
    Tensor x = relu(bn(stem(input)));
    for (auto& block : blocks) x = (*block)(x);
    return fc(mean(x, {2, 3}));
  }
};

// Forward and backward of fn(inputs), with the gradients of all inputs.
template <class Fn>
Body forward_backward(std::vector<Tensor> inputs, Fn fn) {
  for (Tensor& input : inputs) input.set_requires_grad();
  const Tensor seed = rand(fn(inputs).sizes());
  return [=] {
    const Tensor out = fn(inputs);
    grad({&out, 1}, inputs, {&seed, 1});
  };
}

using Inputs = const std::vector<Tensor>&;

// A layer of ResNet-18.
template <int kChannels, int kSize>
Body conv_layer() {
  return forward_backward({randn({16, kChannels, kSize, kSize}), randn({kChannels, kChannels, 3, 3})},
                          [](Inputs in) { return conv2d(in[0], in[1], {}, {.padding = {1}}); });
}

// Single ops.
const std::map<std::string, Body (*)()> kOps = {
    {"gelu", [] { return forward_backward({randn({4096, 1024})}, [](Inputs in) { return gelu(in[0]); }); }},
    {"softmax", [] { return forward_backward({randn({4096, 1024})}, [](Inputs in) { return softmax(in[0], -1); }); }},
    {"layer_norm",
     [] {
       return forward_backward({randn({4096, 1024}), rand({1024}), rand({1024})},
                               [](Inputs in) { return layer_norm(in[0], {1024}, in[1], in[2]); });
     }},
    {"batch_norm",
     [] {
       const Tensor mean = zeros({64}), var = ones({64});
       return forward_backward({randn({32, 64, 32, 32}), rand({64}), rand({64})},
                               [=](Inputs in) { return batch_norm(in[0], in[1], in[2], mean, var, true); });
     }},
    {"sum0", []() -> Body { return [x = rand({4096, 1024})] { sum(x, {0}); }; }},
    {"permute", []() -> Body { return [x = rand({64, 128, 32, 32})] { x.permute({0, 2, 3, 1}).contiguous(); }; }},
    {"depthwise",
     [] {
       return forward_backward({randn({16, 64, 32, 32}), rand({64, 1, 3, 3}), rand({64})},
                               [](Inputs in) { return conv2d(in[0], in[1], in[2], {.padding = {1}, .groups = 64}); });
     }},
    {"conv1d",
     [] {
       return forward_backward({randn({16, 128, 512}), rand({128, 128, 5}), rand({128})},
                               [](Inputs in) { return conv1d(in[0], in[1], in[2], {.padding = {2}}); });
     }},
    {"conv64", conv_layer<64, 32>},
    {"conv128", conv_layer<128, 16>},
    {"conv256", conv_layer<256, 8>},
    {"conv512", conv_layer<512, 4>},
    {"conv3d",
     [] {
       return forward_backward({randn({4, 16, 16, 32, 32}), rand({32, 16, 3, 3, 3}), rand({32})},
                               [](Inputs in) { return conv3d(in[0], in[1], in[2], {.padding = {1}}); });
     }},
    {"attention",
     [] {
       return forward_backward({randn({8, 8, 256, 64}), randn({8, 8, 256, 64}), randn({8, 8, 256, 64})}, [](Inputs in) {
         return scaled_dot_product_attention(in[0], in[1], in[2], {.causal = true});
       });
     }},
};

Body make_add(bool grad) {
  Tensor a = rand({8}), b = rand({8});
  if (grad) {
    a.set_requires_grad();
    b.set_requires_grad();
  }
  return [=] { const Tensor c = a + b; };
}

Body make_chain() {
  const Tensor x = ones({8}).set_requires_grad(), c = ones({8}), g = ones({8});
  return [=] {
    Tensor y = x;
    for (int i = 0; i < 1000; ++i) y = y * c;
    y.backward(g);
  };
}

template <class Net, class Loss>
Body training_step(std::shared_ptr<Net> net, const Tensor& x, const Tensor& y, Loss loss) {
  const auto adam = std::make_shared<optim::Adam>(net->parameters(), optim::AdamOptions{.lr = 1e-3});
  return [=] {
    adam->zero_grad();
    loss((*net)(x), y).backward();
    adam->step();
  };
}

const auto kCrossEntropy = [](const Tensor& a, const Tensor& b) { return cross_entropy(a, b); };

Body make_case(const std::string& name) {
  if (name == "add") return make_add(false);
  if (name == "add_grad") return make_add(true);
  if (name == "chain") return make_chain();
  if (name == "mlp_small")
    return training_step(std::make_shared<Mlp>(std::initializer_list<int64_t>{32, 32, 32, 1}), rand({8, 32}),
                         rand({8, 1}), [](const Tensor& a, const Tensor& b) { return mse_loss(a, b); });
  if (name == "mlp_large")
    return training_step(std::make_shared<Mlp>(std::initializer_list<int64_t>{784, 1024, 1024, 10}), rand({128, 784}),
                         randint(0, 10, {128}), kCrossEntropy);
  if (name == "cnn")
    return training_step(std::make_shared<LeNet>(), rand({64, 1, 28, 28}), randint(0, 10, {64}), kCrossEntropy);
  if (name == "resnet18")
    return training_step(std::make_shared<ResNet18>(), randn({16, 3, 32, 32}), randint(0, 10, {16}), kCrossEntropy);
  if (name == "gpt")
    return training_step(std::make_shared<nn::GPT>(nn::GPTOptions{
                             .vocab_size = 256, .block_size = 64, .layers = 4, .heads = 4, .embed_dim = 128}),
                         randint(0, 256, {16, 64}), randint(0, 256, {16 * 64}),
                         [](const Tensor& logits, const Tensor& y) { return cross_entropy(logits.flatten(0, 1), y); });
  if (const auto op = kOps.find(name); op != kOps.end()) return op->second();
  // What bounds the others: 1024^3 multiply-adds, and a copy of 256 MB.
  if (name == "gemm") {
    const Tensor a = rand({1024, 1024}), b = rand({1024, 1024});
    return [=] { matmul(a, b); };
  }
  if (name == "copy") {
    const Tensor a = rand({64 << 20});
    Tensor b = empty_like(a);
    return [=]() mutable { b.copy_(a); };
  }
  std::fprintf(
      stderr,
      "farro_bench: CASE must be one of add, add_grad, chain, mlp_small, mlp_large, cnn, gemm, copy, got '%s'\n",
      name.c_str());
  std::exit(2);
}

int64_t positive(const char* name, const char* text, int64_t most) {
  int64_t value = 0;
  const char* last = text + std::strlen(text);
  const auto [end, error] = std::from_chars(text, last, value);
  if (error == std::errc() && end == last && value >= 1 && value <= most) return value;
  std::fprintf(stderr, "farro_bench: %s must be a whole number from 1 to %lld, got '%s'\n", name,
               static_cast<long long>(most), text);
  std::exit(2);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    std::fprintf(stderr, "usage: farro_bench CASE THREADS ITERATIONS ROUNDS\n");
    return 2;
  }
  const std::string name = argv[1];
  const int64_t threads = positive("THREADS", argv[2], 1024),
                iterations = positive("ITERATIONS", argv[3], 1'000'000'000),
                rounds = positive("ROUNDS", argv[4], 1'000'000'000);
  set_num_threads(static_cast<int>(threads));
  const Body body = make_case(name);
  seconds_of(body, iterations / 5 + 1);
  for (int64_t round = 0; round < rounds; ++round)
    std::printf("{\"case\": \"%s\", \"threads\": %s, \"seconds\": %.9g}\n", name.c_str(), argv[2],
                seconds_of(body, iterations));
}
