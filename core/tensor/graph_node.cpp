// SPDX-License-Identifier: Apache-2.0
// The thread's gradient modes, and the destruction of graph nodes. A chain of a million nodes would overflow the stack
// if each destroyed the next within its own destructor; they are put on a list instead.
#include <farro/core/tensor/graph_node.h>

namespace farro {

constinit thread_local detail::GradMode detail::grad_mode_tls [[gnu::tls_model("initial-exec")]];

namespace {
// Nodes of this thread that await destruction; `draining` is set while the outermost destroy() works them off.
struct Doomed {
  GraphNode* head;
  bool draining;
};
[[gnu::tls_model("initial-exec")]] thread_local Doomed doomed;
}  // namespace

void GraphNode::destroy(GraphNode* node) noexcept {
  if (doomed.draining) {  // reached from another node's destructor
    node->next_doomed_ = doomed.head;
    doomed.head = node;
    return;
  }
  doomed.draining = true;
  delete node;
  while (GraphNode* next = doomed.head) {
    doomed.head = next->next_doomed_;
    delete next;
  }
  doomed.draining = false;
}

}  // namespace farro
