// One walk: how many gradients each node still awaits, and what has arrived so far. Used by engine.cpp only.
#pragma once

#include <farro/autograd/node/node.h>

#include <memory>
#include <vector>

namespace farro::detail {

// What the walk knows of one node.
struct NodeState {
  Node* node = nullptr;
  uint32_t awaited = 0;   // edges into it that have not delivered
  bool needed = true;     // false: no wanted input lies behind it
  Tensor first;           // gradient of output 0
  std::unique_ptr<std::vector<Tensor>> others;  // of outputs 1, 2, ...

  Tensor& gradient(uint32_t output) {
    if (output == 0) return first;
    if (!others) others = std::make_unique<std::vector<Tensor>>(node->outputs().size() - 1);
    return (*others)[output - 1];
  }
};

// From node to state: open addressing, because a walk looks every node up a few times and never removes one.
class NodeMap {
 public:
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
