// SPDX-License-Identifier: Apache-2.0
// LibTorch as the peer that Farro's values are compared with: its tensors, its operators by name, its modules and
// optimizers. The tests reach LibTorch through this header alone, which includes nothing of it: a file that does
// takes up to a minute to compile, so only peer/*.cpp do. Errors of LibTorch come out as exceptions.
#pragma once

#include <farro/core/tensor/tensor.h>
#include <farro/kernels/index/indexing.h>
#include <farro/nn/layers/attention.h>
#include <farro/nn/layers/batch_norm.h>
#include <farro/nn/layers/conv.h>
#include <farro/nn/layers/embedding.h>
#include <farro/nn/layers/linear.h>
#include <farro/nn/layers/norm.h>
#include <farro/nn/models/gpt.h>
#include <farro/optim/optimizers/adam.h>
#include <farro/optim/optimizers/sgd.h>

#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace farro::parity {

using Tensors = std::vector<Tensor>;

// A handle to a tensor of the peer. Copies share the tensor; an undefined one is LibTorch's None.
class PeerTensor {
 public:
  struct Impl;  // peer/bridge.h

  PeerTensor() = default;
  explicit PeerTensor(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
  // A leaf with a copy of ours; undefined for an undefined one.
  static PeerTensor copy_of(const Tensor& ours);

  bool defined() const noexcept { return impl_ != nullptr; }
  const std::shared_ptr<Impl>& impl() const noexcept { return impl_; }
  Tensor to_farro() const;  // a copy without history
  DType dtype() const;
  // Takes the values of ours, of the same sizes, past autograd.
  void assign(const Tensor& ours) const;

  PeerTensor& set_requires_grad();
  bool requires_grad() const;
  PeerTensor grad() const;
  void clear_grad() const;
  // Adds to the gradients of the leaves. The graph stays, so that several outputs can be walked one after another.
  void backward(const Tensor& gradient = {}) const;

 private:
  std::shared_ptr<Impl> impl_;
};
using PeerTensors = std::vector<PeerTensor>;

// An argument of an operator; a std::monostate is None.
using PeerValue =
    std::variant<std::monostate, PeerTensor, PeerTensors, bool, int64_t, double, Dims, DType, std::string>;
using NamedPeerValue = std::pair<std::string, PeerValue>;

// Calls an operator by the name in its schema, with the overload behind a dot: aten("add.Tensor", {a, b},
// {{"alpha", 2}}). Arguments that are not given have the schema's defaults. Every tensor that it returns.
PeerTensors aten_all(const std::string& op, const std::vector<PeerValue>& args,
                     const std::vector<NamedPeerValue>& named = {});
// The first of them.
PeerTensor aten(const std::string& op, const std::vector<PeerValue>& args,
                const std::vector<NamedPeerValue>& named = {});

// x[indices...], and x with x[indices...] = values; index tensors of ours are copied.
PeerTensor peer_index(const PeerTensor& x, const std::vector<TensorIndex>& indices);
PeerTensor peer_index_put(const PeerTensor& x, const std::vector<TensorIndex>& indices, const PeerTensor& values);

DType peer_result_type(const PeerTensor& a, const PeerTensor& b);

// --- modules, in the default dtype of Farro

using NamedPeers = std::vector<std::pair<std::string, PeerTensor>>;

class PeerModule {
 public:
  virtual ~PeerModule() = default;
  virtual PeerTensor forward(const PeerTensors& inputs) = 0;
  virtual void train(bool on) = 0;
  virtual NamedPeers parameters() const = 0;
  virtual NamedPeers buffers() const = 0;
};
using PeerModulePtr = std::unique_ptr<PeerModule>;

PeerModulePtr peer_linear(const nn::LinearOptions& options);
PeerModulePtr peer_conv(int rank, const nn::ConvLayerOptions& options);
PeerModulePtr peer_batch_norm(int rank, const nn::BatchNormOptions& options);
PeerModulePtr peer_layer_norm(const nn::LayerNormOptions& options);
PeerModulePtr peer_embedding(const nn::EmbeddingOptions& options);
// Inputs: query, key, value and an additive mask or an undefined tensor; the batch comes first.
PeerModulePtr peer_attention(const nn::MultiheadAttentionOptions& options);
// Networks: that of training_test.cpp, and nn::GPT.
PeerModulePtr peer_lenet();
PeerModulePtr peer_gpt(const nn::GPTOptions& options);

// --- optimizers

template <class Options>
struct PeerGroup {
  PeerTensors params;
  Options options = {};
};

class PeerOptimizer {
 public:
  virtual ~PeerOptimizer() = default;
  virtual void step() = 0;
  virtual double lr(size_t group) const = 0;
  // LibTorch's StepLR from here on; schedule_step() advances it.
  virtual void schedule_step_lr(unsigned step_size, double gamma) = 0;
  virtual void schedule_step() = 0;
};
using PeerOptimizerPtr = std::unique_ptr<PeerOptimizer>;

// LibTorch's C++ optimizers have no `maximize`: std::invalid_argument where it is asked for.
PeerOptimizerPtr peer_optimizer(const std::vector<PeerGroup<optim::SGDOptions>>& groups);
PeerOptimizerPtr peer_optimizer(const std::vector<PeerGroup<optim::AdamOptions>>& groups);
PeerOptimizerPtr peer_optimizer(const std::vector<PeerGroup<optim::AdamWOptions>>& groups);

double peer_clip_grad_norm(const PeerTensors& params, double max_norm, double norm_type);
void peer_clip_grad_value(const PeerTensors& params, double limit);

// The peer on one thread: its pool beside Farro's on the same cores would only cost time.
void peer_use_one_thread();

}  // namespace farro::parity
