// SPDX-License-Identifier: Apache-2.0
// One backward walk over a recorded graph. Used by engine.cpp only. A node runs once all edges into it have delivered;
// among ready nodes the one recorded last runs first, so the order, and with it every rounding, is the same in every
// run. Nothing recurses: chains may be as long as memory allows.
#pragma once

#include <farro/autograd/engine/node_map.h>
#include <farro/autograd/node/node.h>
#include <farro/core/api.h>

#include <span>
#include <vector>

namespace farro::detail {

// A gradient that grad() wants to see instead of letting it pass on.
struct Capture {
  Edge edge;
  Tensor grad;
};

class FARRO_API GraphTask {
 public:
  GraphTask(bool keep_graph, bool create_graph) noexcept : keep_graph_(keep_graph), create_graph_(create_graph) {}

  // Sends gradients[i] into roots[i], which the caller keeps alive. With captures, only nodes on a path to one of them
  // run, and leaves accumulate nothing.
  void run(std::span<const Edge> roots, std::span<const Tensor> gradients, std::span<Capture> captures);

 private:
  void discover(std::span<const Edge> roots);
  void mark_wanted(std::span<const Edge> roots);
  void deliver(NodeState& state, uint32_t output, Tensor grad);
  void push_if_ready(NodeState& state);
  Node* pop();
  void run_node(Node& node);
  void run_pre_hooks(Node& node, Grads& grads);
  void capture(const Node& node, const Grads& grads);

  const bool keep_graph_;
  const bool create_graph_;
  NodeMap states_;
  std::vector<Node*> ready_;  // a heap, later nodes first; the roots keep all of them alive
  std::span<Capture> captures_;
};

}  // namespace farro::detail
