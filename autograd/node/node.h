// SPDX-License-Identifier: Apache-2.0
// One recorded operation of the graph that backward() walks. A node knows the shapes of its forward outputs (the
// gradients it receives must match them) and has an edge for every forward input (where its results go).
#pragma once

#include <farro/autograd/node/kept_call.h>
#include <farro/core/api.h>
#include <farro/core/op/op.h>
#include <farro/core/scope/scope.h>

#include <functional>
#include <memory>
#include <span>
#include <vector>

namespace farro {

class Node;

// A gradient goes to `node` as the gradient of its output number `output`. No node: no gradient is wanted.
struct Edge {
  Ref<Node> node;
  uint32_t output = 0;
};

struct FARRO_API NodeHooks {
  // Never the same twice in a process: a tensor that is changed in place has another node, and an id that was given for
  // the former must not mean a hook of the latter.
  static uint64_t new_id() noexcept;

  // Before the node runs, on the gradient of one output; a defined result replaces it.
  struct Pre {
    uint64_t id;
    uint32_t output;
    Tensor::Hook hook;
  };
  std::vector<Pre> pre;
  std::vector<Pre> retain;  // of retain_grad(): they see what the others leave
  // After the node ran: where DDP attaches to the accumulators of leaves.
  struct Post {
    uint64_t id;
    std::function<void()> hook;
  };
  std::vector<Post> post;
};

class FARRO_API Node : public GraphNode {
 public:
  // From the gradients of the outputs (undefined: zero) to those of the inputs, one for each edge. Edges without a node
  // may get an undefined tensor.
  virtual Grads apply(Grads&& grads) = 0;
  // Drops what was saved for backward; a later apply() throws AutogradError.
  virtual void release_saved() noexcept {}

  std::span<Edge> edges() noexcept { return {edges_, num_edges_}; }
  std::span<const OutputMeta> outputs() const noexcept { return {outputs_, num_outputs_}; }
  uint64_t sequence() const noexcept { return sequence_; }
  const ScopeNode* scope() const noexcept { return scope_; }
  NodeHooks* hooks() const noexcept { return hooks_.get(); }
  NodeHooks& make_hooks() {
    if (!hooks_) hooks_ = std::make_unique<NodeHooks>();
    return *hooks_;
  }

 protected:
  Node() noexcept;
  // The derived class owns the arrays.
  void bind(std::span<Edge> edges, std::span<OutputMeta> outputs) noexcept {
    edges_ = edges.data();
    num_edges_ = static_cast<uint32_t>(edges.size());
    outputs_ = outputs.data();
    num_outputs_ = static_cast<uint32_t>(outputs.size());
  }
  void set_sequence(uint64_t sequence) noexcept { sequence_ = sequence; }

 private:
  uint32_t num_edges_ = 0;
  uint32_t num_outputs_ = 0;
  Edge* edges_ = nullptr;
  OutputMeta* outputs_ = nullptr;
  uint64_t sequence_;  // later nodes run first
  const ScopeNode* scope_;
  std::unique_ptr<NodeHooks> hooks_;
};

// The node whose apply() runs on this thread; null outside backward.
FARRO_API Node* running_node() noexcept;
class FARRO_API RunningNode {
 public:
  explicit RunningNode(Node* node) noexcept;
  ~RunningNode();
  RunningNode(const RunningNode&) = delete;
  RunningNode& operator=(const RunningNode&) = delete;

 private:
  Node* previous_;
};

// Where the gradient of `tensor` goes: its grad_fn, its accumulator if it is a leaf that requires one, else nowhere.
FARRO_API Edge gradient_edge(const Tensor& tensor);
// Makes `tensor` output number `output` of `node`.
FARRO_API void set_history(TensorImpl& tensor, const Ref<Node>& node, uint32_t output) noexcept;

[[noreturn]] FARRO_API void throw_graph_freed(const Node& node);

// The node of a recorded call<Op>().
template <class Op>
class OpNode final : public Node {
  using Args = typename Op::Args;
  static constexpr int kInputs = kStaticInputs<Args>;
  static constexpr bool kAnyNumber = kInputs < 0;
  using EdgeArray = std::conditional_t<kAnyNumber, std::vector<Edge>, std::array<Edge, kAnyNumber ? 0 : kInputs>>;

 public:
  OpNode(const Args& args, const Outputs<Op>& out, Need need) : kept_(args, out, keep_of(args, need)) {
    if constexpr (kAnyNumber) {
      int count = 0;
      for_each_input(args, [&](int, const Tensor&) { ++count; });
      edges_.resize(static_cast<size_t>(count));
    }
    for_each_input(args, [&](int i, const Tensor& input) {
      if (need[i] && input.defined()) edges_[static_cast<size_t>(i)] = gradient_edge(input);
    });
    for (size_t i = 0; i < out.size(); ++i)
      if (out[i].defined()) outputs_[i] = OutputMeta(*out[i].impl());
    bind(edges_, outputs_);
  }

  const char* name() const noexcept override { return Op::info.name; }
  Grads apply(Grads&& grads) override {
    if (released_) throw_graph_freed(*this);
    Need need;
    for (size_t i = 0; i < edges_.size(); ++i)
      if (edges_[i].node) need.set(static_cast<int>(i));
    const auto values = kept_.restore_args();
    const Args args = detail::rebuild_args<Args>(values);
    const Outputs<Op> out = kept_.restore_outputs();
    Back<Op> back{args, out, grads, need};
    if constexpr (kMixedDevices<Op>) {
      const Edge& edge = edges_[static_cast<size_t>(need.first())];
      back.device = edge.node->outputs()[edge.output].device;
    }
    return Op::backward(back);
  }
  // A node that keeps only numbers can be walked again.
  void release_saved() noexcept override {
    if constexpr (kKeep<Op>.input_mask || kKeep<Op>.output_mask) {
      kept_.release();
      released_ = true;
    }
  }

 private:
  static Keep keep_of(const Args& args, Need need) {
    if constexpr (requires { Op::keep(args, need); })
      return Op::keep(args, need);
    else
      return kKeep<Op>;
  }

  detail::KeptCall<Op> kept_;
  EdgeArray edges_;
  std::array<OutputMeta, kOutputs<Op>> outputs_;
  bool released_ = false;
};

}  // namespace farro
