// SPDX-License-Identifier: Apache-2.0
// The peer's side of the comparison: the same loops as farro_bench, written with LibTorch. Prints one JSON object per
// case: {"case": ..., "threads": ..., "seconds": seconds of one iteration}. Run by tools/bench/compare.
#include <torch/torch.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace {

double seconds_of(const std::function<void()>& body, int64_t iterations) {
  const auto start = std::chrono::steady_clock::now();
  for (int64_t i = 0; i < iterations; ++i) body();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() /
         static_cast<double>(iterations);
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

namespace F = torch::nn::functional;

struct ResNetBlockImpl : torch::nn::Module {
  torch::nn::Conv2d conv1{nullptr}, conv2{nullptr}, down{nullptr};
  torch::nn::BatchNorm2d bn1{nullptr}, bn2{nullptr}, down_bn{nullptr};
  ResNetBlockImpl(int64_t in, int64_t out, int64_t stride) {
    using Options = torch::nn::Conv2dOptions;
    conv1 = register_module("conv1", torch::nn::Conv2d(Options(in, out, 3).stride(stride).padding(1).bias(false)));
    conv2 = register_module("conv2", torch::nn::Conv2d(Options(out, out, 3).padding(1).bias(false)));
    bn1 = register_module("bn1", torch::nn::BatchNorm2d(out));
    bn2 = register_module("bn2", torch::nn::BatchNorm2d(out));
    if (stride == 1) return;
    down = register_module("down", torch::nn::Conv2d(Options(in, out, 1).stride(stride).bias(false)));
    down_bn = register_module("down_bn", torch::nn::BatchNorm2d(out));
  }
  torch::Tensor forward(torch::Tensor x) {
    auto y = bn2(conv2(torch::relu(bn1(conv1(x)))));
    return torch::relu(y + (down ? down_bn(down(x)) : x));
  }
};
TORCH_MODULE(ResNetBlock);

struct ResNet18 : torch::nn::Module {
  torch::nn::Conv2d stem{nullptr};
  torch::nn::BatchNorm2d bn{nullptr};
  torch::nn::Sequential blocks;
  torch::nn::Linear fc{nullptr};
  ResNet18() {
    stem = register_module("stem", torch::nn::Conv2d(torch::nn::Conv2dOptions(3, 64, 3).padding(1).bias(false)));
    bn = register_module("bn", torch::nn::BatchNorm2d(64));
    for (int i = 0; i < 8; ++i) {
      const int64_t out = int64_t{64} << i / 2, in = i % 2 == 0 && i > 0 ? out / 2 : out;
      blocks->push_back(ResNetBlock(in, out, in == out ? 1 : 2));
    }
    register_module("blocks", blocks);
    fc = register_module("fc", torch::nn::Linear(512, 10));
  }
  torch::Tensor forward(torch::Tensor x) { return fc(blocks->forward(torch::relu(bn(stem(x)))).mean({2, 3})); }
};

struct GptBlockImpl : torch::nn::Module {
  torch::nn::LayerNorm ln_1{nullptr}, ln_2{nullptr};
  torch::nn::Linear qkv{nullptr}, out{nullptr}, fc{nullptr}, proj{nullptr};
  int64_t heads;
  GptBlockImpl(int64_t width, int64_t heads_) : heads(heads_) {
    ln_1 = register_module("ln_1", torch::nn::LayerNorm(torch::nn::LayerNormOptions({width})));
    ln_2 = register_module("ln_2", torch::nn::LayerNorm(torch::nn::LayerNormOptions({width})));
    qkv = register_module("qkv", torch::nn::Linear(width, 3 * width));
    out = register_module("out", torch::nn::Linear(width, width));
    fc = register_module("fc", torch::nn::Linear(width, 4 * width));
    proj = register_module("proj", torch::nn::Linear(4 * width, width));
  }
  torch::Tensor forward(torch::Tensor x) {
    const auto b = x.size(0), l = x.size(1), e = x.size(2);
    const auto parts = qkv(ln_1(x)).view({b, l, 3, heads, e / heads}).permute({2, 0, 3, 1, 4}).unbind(0);
    const auto seen = torch::scaled_dot_product_attention(parts[0], parts[1], parts[2], {}, 0, true);
    x = x + out(seen.transpose(1, 2).reshape({b, l, e}));
    return x + proj(torch::gelu(fc(ln_2(x)), "tanh"));
  }
};
TORCH_MODULE(GptBlock);

struct Gpt : torch::nn::Module {
  torch::nn::Embedding wte{nullptr}, wpe{nullptr};
  torch::nn::Sequential blocks;
  torch::nn::LayerNorm ln_f{nullptr};
  Gpt(int64_t vocabulary, int64_t length, int64_t layers, int64_t heads, int64_t width) {
    wte = register_module("wte", torch::nn::Embedding(vocabulary, width));
    wpe = register_module("wpe", torch::nn::Embedding(length, width));
    for (int64_t i = 0; i < layers; ++i) blocks->push_back(GptBlock(width, heads));
    register_module("blocks", blocks);
    ln_f = register_module("ln_f", torch::nn::LayerNorm(torch::nn::LayerNormOptions({width})));
  }
  torch::Tensor forward(torch::Tensor tokens) {
    const auto x = wte(tokens) + wpe(torch::arange(tokens.size(1)));
    return torch::linear(ln_f(blocks->forward(x)), wte->weight).flatten(0, 1);
  }
};

template <class Net>
Body training_step(std::shared_ptr<Net> net, torch::Tensor x, torch::Tensor y) {
  auto adam = std::make_shared<torch::optim::Adam>(net->parameters(), torch::optim::AdamOptions(1e-3));
  return [=] {
    adam->zero_grad();
    F::cross_entropy(net->forward(x), y).backward();
    adam->step();
  };
}

// Forward and backward of fn(inputs), with the gradients of all inputs.
template <class Fn>
Body forward_backward(std::vector<torch::Tensor> inputs, Fn fn) {
  for (auto& input : inputs) input.requires_grad_();
  const auto seed = torch::rand(fn(inputs).sizes());
  return [=] { torch::autograd::grad({fn(inputs)}, inputs, {seed}); };
}

using Inputs = const std::vector<torch::Tensor>&;
using torch::rand;
using torch::randn;

template <int kChannels, int kSize>
Body conv_layer() {
  return forward_backward({randn({16, kChannels, kSize, kSize}), randn({kChannels, kChannels, 3, 3})},
                          [](Inputs in) { return torch::conv2d(in[0], in[1], {}, 1, torch::IntArrayRef{1, 1}); });
}

const std::map<std::string, Body (*)()> kOps = {
    {"gelu", [] { return forward_backward({randn({4096, 1024})}, [](Inputs in) { return torch::gelu(in[0]); }); }},
    {"softmax",
     [] { return forward_backward({randn({4096, 1024})}, [](Inputs in) { return torch::softmax(in[0], -1); }); }},
    {"layer_norm",
     [] {
       return forward_backward({randn({4096, 1024}), rand({1024}), rand({1024})},
                               [](Inputs in) { return torch::layer_norm(in[0], {1024}, in[1], in[2]); });
     }},
    {"batch_norm",
     [] {
       const auto mean = torch::zeros({64}), var = torch::ones({64});
       return forward_backward({randn({32, 64, 32, 32}), rand({64}), rand({64})}, [=](Inputs in) {
         return torch::batch_norm(in[0], in[1], in[2], mean, var, true, 0.1, 1e-5, false);
       });
     }},
    {"sum0", []() -> Body { return [x = rand({4096, 1024})] { x.sum(0); }; }},
    {"permute", []() -> Body { return [x = rand({64, 128, 32, 32})] { x.permute({0, 2, 3, 1}).contiguous(); }; }},
    {"depthwise",
     [] {
       return forward_backward({randn({16, 64, 32, 32}), rand({64, 1, 3, 3}), rand({64})}, [](Inputs in) {
         return torch::conv2d(in[0], in[1], in[2], 1, torch::IntArrayRef{1, 1}, 1, 64);
       });
     }},
    {"conv1d",
     [] {
       return forward_backward({randn({16, 128, 512}), rand({128, 128, 5}), rand({128})},
                               [](Inputs in) { return torch::conv1d(in[0], in[1], in[2], 1, torch::IntArrayRef{2}); });
     }},
    {"conv64", conv_layer<64, 32>},
    {"conv128", conv_layer<128, 16>},
    {"conv256", conv_layer<256, 8>},
    {"conv512", conv_layer<512, 4>},
    {"conv3d",
     [] {
       return forward_backward({randn({4, 16, 16, 32, 32}), rand({32, 16, 3, 3, 3}), rand({32})}, [](Inputs in) {
         return torch::conv3d(in[0], in[1], in[2], 1, torch::IntArrayRef{1, 1, 1});
       });
     }},
    {"attention",
     [] {
       return forward_backward({randn({8, 8, 256, 64}), randn({8, 8, 256, 64}), randn({8, 8, 256, 64})}, [](Inputs in) {
         return torch::scaled_dot_product_attention(in[0], in[1], in[2], {}, 0, true);
       });
     }},
};

Body make_case(const std::string& name) {
  if (name == "add") return make_add(false);
  if (name == "add_grad") return make_add(true);
  if (name == "chain") return make_chain();
  if (name == "mlp_small") return make_mlp_small();
  if (name == "mlp_large") return make_mlp_large();
  if (name == "cnn") return make_cnn();
  if (name == "resnet18")
    return training_step(std::make_shared<ResNet18>(), randn({16, 3, 32, 32}), torch::randint(10, {16}));
  if (name == "gpt")
    return training_step(std::make_shared<Gpt>(256, 64, 4, 4, 128), torch::randint(256, {16, 64}),
                         torch::randint(256, {16 * 64}));
  if (const auto op = kOps.find(name); op != kOps.end()) return op->second();
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
    std::printf("{\"case\": \"%s\", \"threads\": %s, \"seconds\": %.9g}\n", name.c_str(), argv[2],
                seconds_of(body, iterations));
}
