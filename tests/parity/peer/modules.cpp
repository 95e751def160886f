// SPDX-License-Identifier: Apache-2.0
// Modules of the peer, made from the options of ours, and the networks of training_test.cpp.
#include <farro/tests/parity/peer/bridge.h>

#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/embedding.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/normalization.h>

#include <functional>
#include <limits>
#include <stdexcept>

namespace farro::parity {

namespace {

using Forward = std::function<at::Tensor(const std::vector<at::Tensor>& inputs)>;

NamedPeers named(const torch::OrderedDict<std::string, at::Tensor>& entries) {
  NamedPeers out;
  for (const auto& entry : entries) out.emplace_back(entry.key(), wrap(entry.value()));
  return out;
}

class Holder final : public PeerModule {
 public:
  Holder(std::shared_ptr<torch::nn::Module> module, Forward forward)
      : module_(std::move(module)), forward_(std::move(forward)) {
    // Module::to would convert integer buffers too.
    for (at::Tensor& parameter : module_->parameters()) convert(parameter);
    for (at::Tensor& buffer : module_->buffers()) convert(buffer);
  }
  PeerTensor forward(const PeerTensors& inputs) override { return wrap(forward_(unwrap(inputs))); }
  void train(bool on) override { module_->train(on); }
  NamedPeers parameters() const override { return named(module_->named_parameters()); }
  NamedPeers buffers() const override { return named(module_->named_buffers()); }

 private:
  static void convert(const at::Tensor& tensor) {
    if (tensor.is_floating_point()) tensor.set_data(tensor.to(to_peer(default_dtype())));
  }

  std::shared_ptr<torch::nn::Module> module_;
  Forward forward_;
};

template <class Module>
PeerModulePtr hold(const std::shared_ptr<Module>& module) {
  return std::make_unique<Holder>(module, [module](const auto& inputs) { return module->forward(inputs.at(0)); });
}

template <size_t kRank, class Module>
PeerModulePtr conv(const nn::ConvLayerOptions& o) {
  const auto each = [](const char* what, const nn::Extents& extents) {
    return torch::ExpandingArray<kRank>(to_vector(extents.expand(what, kRank)));
  };
  torch::nn::ConvOptions<kRank> options(o.in_channels, o.out_channels, each("kernel_size", o.kernel_size));
  options.stride(each("stride", o.stride)).dilation(each("dilation", o.dilation)).groups(o.groups).bias(o.bias);
  if (o.same_padding)
    options.padding(torch::kSame);
  else
    options.padding(each("padding", o.padding));
  return hold(std::make_shared<Module>(options));
}

// The batch comes second in LibTorch's C++ attention.
at::Tensor attend(torch::nn::MultiheadAttentionImpl& attention, const std::vector<at::Tensor>& inputs) {
  const auto swapped = [&](size_t i) { return inputs.at(i).transpose(0, 1); };
  const auto output = attention.forward(swapped(0), swapped(1), swapped(2), /*key_padding_mask=*/{},
                                        /*need_weights=*/false, /*attn_mask=*/inputs.at(3));
  return std::get<0>(output).transpose(0, 1);
}

torch::nn::LayerNormOptions norm_options(int64_t size) { return torch::nn::LayerNormOptions({size}); }

struct LeNet : torch::nn::Module {
  torch::nn::Conv2d conv1{torch::nn::Conv2dOptions(1, 6, 5).padding(2)}, conv2{torch::nn::Conv2dOptions(6, 12, 3)};
  torch::nn::BatchNorm2d norm{6};
  torch::nn::Linear fc1{12 * 3 * 3, 24}, fc2{24, 10};

  LeNet() {
    register_module("conv1", conv1);
    register_module("norm", norm);
    register_module("conv2", conv2);
    register_module("fc1", fc1);
    register_module("fc2", fc2);
  }
  at::Tensor forward(at::Tensor x) {
    x = torch::max_pool2d(torch::relu(norm(conv1(x))), 2);
    x = torch::avg_pool2d(torch::relu(conv2(x)), 2);
    return fc2(torch::tanh(fc1(x.flatten(1))));
  }
};

struct Block : torch::nn::Module {
  torch::nn::LayerNorm ln_1, ln_2;
  torch::nn::MultiheadAttention attn;
  torch::nn::Linear fc, proj;

  explicit Block(const nn::GPTOptions& o)
      : ln_1(norm_options(o.embed_dim)),
        ln_2(norm_options(o.embed_dim)),
        attn(o.embed_dim, o.heads),
        fc(o.embed_dim, 4 * o.embed_dim),
        proj(4 * o.embed_dim, o.embed_dim) {
    register_module("ln_1", ln_1);
    register_module("attn", attn);
    register_module("ln_2", ln_2);
    register_module("fc", fc);
    register_module("proj", proj);
  }
  at::Tensor forward(at::Tensor x) {
    const int64_t length = x.size(1);
    const at::Tensor never = at::full({length, length}, -std::numeric_limits<double>::infinity(), x.options());
    const at::Tensor normed = ln_1(x);
    x = x + attend(*attn, {normed, normed, normed, never.triu(1)});
    return x + proj(torch::gelu(fc(ln_2(x)), "tanh"));
  }
};

struct Gpt : torch::nn::Module {
  torch::nn::Embedding wte, wpe;
  torch::nn::ModuleList blocks;
  torch::nn::LayerNorm ln_f;

  explicit Gpt(const nn::GPTOptions& o)
      : wte(o.vocab_size, o.embed_dim), wpe(o.block_size, o.embed_dim), ln_f(norm_options(o.embed_dim)) {
    for (int64_t i = 0; i < o.layers; ++i) blocks->push_back(std::make_shared<Block>(o));
    register_module("wte", wte);
    register_module("wpe", wpe);
    register_module("blocks", blocks);
    register_module("ln_f", ln_f);
  }
  at::Tensor forward(const at::Tensor& tokens) {
    at::Tensor x = wte(tokens) + wpe(at::arange(tokens.size(1)));
    for (const auto& block : *blocks) x = block->as<Block>()->forward(x);
    return torch::linear(ln_f(x), wte->weight);
  }
};

}  // namespace

PeerModulePtr peer_linear(const nn::LinearOptions& o) {
  return hold(
      std::make_shared<torch::nn::LinearImpl>(torch::nn::LinearOptions(o.in_features, o.out_features).bias(o.bias)));
}

PeerModulePtr peer_conv(int rank, const nn::ConvLayerOptions& o) {
  switch (rank) {
    case 1: return conv<1, torch::nn::Conv1dImpl>(o);
    case 2: return conv<2, torch::nn::Conv2dImpl>(o);
    case 3: return conv<3, torch::nn::Conv3dImpl>(o);
    default: throw std::invalid_argument("convolutions have 1 to 3 dimensions");
  }
}

PeerModulePtr peer_batch_norm(int rank, const nn::BatchNormOptions& o) {
  const auto momentum = o.momentum ? c10::optional<double>(*o.momentum) : c10::nullopt;
  const auto options = torch::nn::BatchNormOptions(o.num_features)
                           .eps(o.eps)
                           .momentum(momentum)
                           .affine(o.affine)
                           .track_running_stats(o.track_running_stats);
  switch (rank) {
    case 1: return hold(std::make_shared<torch::nn::BatchNorm1dImpl>(options));
    case 2: return hold(std::make_shared<torch::nn::BatchNorm2dImpl>(options));
    case 3: return hold(std::make_shared<torch::nn::BatchNorm3dImpl>(options));
    default: throw std::invalid_argument("batch norms have 1 to 3 dimensions");
  }
}

PeerModulePtr peer_layer_norm(const nn::LayerNormOptions& o) {
  return hold(std::make_shared<torch::nn::LayerNormImpl>(
      torch::nn::LayerNormOptions(to_vector(o.normalized_shape)).eps(o.eps).elementwise_affine(o.affine)));
}

PeerModulePtr peer_embedding(const nn::EmbeddingOptions& o) {
  torch::nn::EmbeddingOptions options(o.num_embeddings, o.embedding_dim);
  if (o.padding_idx >= 0) options.padding_idx(o.padding_idx);
  return hold(std::make_shared<torch::nn::EmbeddingImpl>(options));
}

PeerModulePtr peer_attention(const nn::MultiheadAttentionOptions& o) {
  const auto module = std::make_shared<torch::nn::MultiheadAttentionImpl>(
      torch::nn::MultiheadAttentionOptions(o.embed_dim, o.num_heads).dropout(o.dropout).bias(o.bias));
  return std::make_unique<Holder>(module, [module](const auto& inputs) { return attend(*module, inputs); });
}

PeerModulePtr peer_lenet() { return hold(std::make_shared<LeNet>()); }
PeerModulePtr peer_gpt(const nn::GPTOptions& options) { return hold(std::make_shared<Gpt>(options)); }

}  // namespace farro::parity
