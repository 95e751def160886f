// SPDX-License-Identifier: Apache-2.0
// What a walk knows of each node, found by the node's address. Used by graph_task.cpp only.
#pragma once

#include <farro/autograd/node/node.h>

#include <memory>
#include <vector>

namespace farro::detail {

struct NodeState {
  Node* node = nullptr;
  uint32_t awaited = 0;                         // edges into it that have not delivered
  bool wanted = true;                           // a wanted gradient lies at or behind it: gradients are delivered to it
  bool runs = true;                             // one lies behind it
  bool captured = false;                        // one lies at it
  Tensor first;                                 // what has arrived for output 0
  std::unique_ptr<std::vector<Tensor>> others;  // for outputs 1, 2, ...

  Tensor& gradient(uint32_t output) {
    if (output == 0) return first;
    if (!others) others = std::make_unique<std::vector<Tensor>>(node->outputs().size() - 1);
    return (*others)[output - 1];
  }
  Grads take_gradients() {
    Grads grads(node->outputs().size());
    if (!grads.empty()) grads[0] = std::move(first);
    if (others)
      for (size_t i = 1; i < grads.size(); ++i) grads[i] = std::move((*others)[i - 1]);
    others.reset();
    return grads;
  }
};

// Open addressing, because a walk looks every node up a few times and never removes one.
class NodeMap {
 public:
  // The state of a node that was inserted, or null.
  NodeState* find(const Node* node) noexcept {
    if (slots_.empty()) return nullptr;
    NodeState& slot = slots_[locate(node)];
    return slot.node ? &slot : nullptr;
  }
  // The state of `node`, and whether it is new. Invalidates earlier pointers where it is.
  std::pair<NodeState*, bool> insert(Node* node) {
    if (count_ * 2 >= slots_.size()) grow();
    NodeState& slot = slots_[locate(node)];
    if (slot.node) return {&slot, false};
    slot.node = node;
    ++count_;
    return {&slot, true};
  }
  template <class Fn>
  void for_each(Fn&& fn) {
    for (NodeState& state : slots_)
      if (state.node) fn(state);
  }

 private:
  size_t locate(const Node* node) const noexcept {
    const size_t mask = slots_.size() - 1;
    // Nodes are at least 32 bytes apart; the multiplication spreads neighbours.
    size_t at = ((reinterpret_cast<uintptr_t>(node) >> 5) * 0x9e3779b97f4a7c15u >> 20) & mask;
    while (slots_[at].node && slots_[at].node != node) at = (at + 1) & mask;
    return at;
  }
  void grow() {
    std::vector<NodeState> old(slots_.empty() ? 16 : slots_.size() * 2);
    old.swap(slots_);
    for (NodeState& state : old)
      if (state.node) slots_[locate(state.node)] = std::move(state);
  }

  std::vector<NodeState> slots_;
  size_t count_ = 0;
};

}  // namespace farro::detail
