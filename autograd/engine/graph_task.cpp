// SPDX-License-Identifier: Apache-2.0
// One walk over a graph. A node runs once every edge into it has delivered, the latest recorded first, so that
// gradients are used up and freed early. What the walk knows of a node lies in its own map, not in the node, so that
// several threads may walk one graph.
#include <farro/autograd/engine/graph_task.h>

#include <farro/autograd/call/autocast.h>
#include <farro/autograd/engine/validate.h>
#include <farro/autograd/node/accumulate_grad.h>
#include <farro/autograd/node/grad_mode.h>

#include <algorithm>

namespace farro::detail {

namespace {
bool runs_later(const Node* a, const Node* b) noexcept { return a->sequence() < b->sequence(); }

// Whether nothing but `tensor` sees its elements, so that they may be overwritten.
bool is_sole_owner(const Tensor& tensor) noexcept {
  return tensor.impl()->use_count() == 1 && tensor.impl()->storage->use_count() == 1 && tensor.impl()->contiguous;
}
// A gradient with a graph cannot lie in a buffer; said before anything runs.
void check_takes_graph(Node& node) {
  const auto* leaf = node.edges().empty() ? dynamic_cast<const AccumulateGrad*>(&node) : nullptr;
  FARRO_CHECK(!leaf || !leaf->has_buffer(), AutogradError,
              "backward: a leaf with a gradient buffer must not get a gradient with a graph, got "
              "create_graph = true; use grad(), or take the buffer away");
}
}  // namespace

void GraphTask::run(std::span<const Edge> roots, std::span<const Tensor> gradients, std::span<Capture> captures) {
  captures_ = captures;
  discover(roots);
  if (!captures_.empty()) mark_wanted(roots);
  // Backward functions are made of ops like any other; whether these are recorded is this mode's decision.
  const GradModeGuard mode(create_graph_);
  const detail::AutocastOff no_casts;  // every op runs in the dtypes of its forward
  for (size_t i = 0; i < roots.size(); ++i) deliver(*states_.find(roots[i].node.get()), roots[i].output, gradients[i]);
  for (const Edge& root : roots) push_if_ready(*states_.find(root.node.get()));
  while (!ready_.empty()) run_node(*pop());
}

// Finds every node behind the roots and counts the edges into it.
void GraphTask::discover(std::span<const Edge> roots) {
  // A stack of its own, not recursion: graphs may be a million nodes deep.
  std::vector<Node*> stack;
  for (const Edge& root : roots)
    if (states_.insert(root.node.get()).second) {
      if (create_graph_ && captures_.empty()) check_takes_graph(*root.node);
      stack.push_back(root.node.get());
    }
  while (!stack.empty()) {
    Node* node = stack.back();
    stack.pop_back();
    for (const Edge& edge : node->edges()) {
      if (!edge.node) continue;
      const auto [state, is_new] = states_.insert(edge.node.get());
      ++state->awaited;
      if (is_new && create_graph_ && captures_.empty()) check_takes_graph(*edge.node);
      if (is_new) stack.push_back(edge.node.get());
    }
  }
}

// For grad(): a depth-first walk that knows of every node, on leaving it, whether a captured edge lies behind it.
void GraphTask::mark_wanted(std::span<const Edge> roots) {
  states_.for_each([](NodeState& state) { state.wanted = state.runs = false; });
  for (const Capture& wanted : captures_)
    if (NodeState* state = states_.find(wanted.edge.node.get())) state->captured = state->wanted = true;
  struct Frame {
    NodeState* state;  // stable: nothing is inserted any more
    size_t next;
  };
  std::vector<Frame> stack;
  NodeMap entered;
  const auto enter = [&](Node* node) {
    if (entered.insert(node).second) stack.push_back({states_.find(node), 0});
  };
  for (const Edge& root : roots) {
    enter(root.node.get());
    while (!stack.empty()) {
      Frame& frame = stack.back();
      const std::span<Edge> edges = frame.state->node->edges();
      if (frame.next < edges.size()) {
        if (Node* child = edges[frame.next++].node.get()) enter(child);
        continue;
      }
      NodeState& state = *frame.state;
      stack.pop_back();
      for (const Edge& edge : edges) state.runs = state.runs || (edge.node && states_.find(edge.node.get())->wanted);
      state.wanted = state.wanted || state.runs;
    }
  }
}

// Adds a gradient to what has arrived for one output of a node.
void GraphTask::deliver(NodeState& state, uint32_t output, Tensor grad) {
  if (!state.wanted || !grad.defined()) return;
  grad = fit_gradient(*state.node, output, std::move(grad));
  Tensor& slot = state.gradient(output);
  if (!slot.defined()) {
    slot = std::move(grad);
    // A sum that is part of a graph must not be changed afterwards.
  } else if (create_graph_) {
    slot = slot + grad;
  } else if (is_sole_owner(slot)) {
    slot.add_(grad);
  } else if (is_sole_owner(grad)) {
    slot = std::move(grad.add_(slot));
  } else {
    slot = slot + grad;
  }
}

void GraphTask::push_if_ready(NodeState& state) {
  if (state.awaited != 0) return;
  state.awaited = UINT32_MAX;  // pushed once
  ready_.push_back(state.node);
  std::push_heap(ready_.begin(), ready_.end(), runs_later);
}

Node* GraphTask::pop() {
  std::pop_heap(ready_.begin(), ready_.end(), runs_later);
  Node* node = ready_.back();
  ready_.pop_back();
  return node;
}

void GraphTask::run_pre_hooks(Node& node, Grads& grads) {
  const auto run = [&](const std::vector<NodeHooks::Pre>& hooks) {
    for (const auto& [id, output, hook] : hooks) {
      if (!grads[output].defined()) continue;
      if (Tensor replaced = hook(grads[output]); replaced.defined()) {
        const ScopeGuard scope(node.scope());
        check_exact_gradient(node.name(), "a hook", node.outputs()[output], replaced);
        grads[output] = std::move(replaced);
      }
    }
  };
  // Copies: a hook may add or remove hooks.
  run(std::vector(node.hooks()->pre));
  if (captures_.empty()) run(std::vector(node.hooks()->retain));  // grad() touches nobody's grad()
}

void GraphTask::capture(const Node& node, const Grads& grads) {
  for (Capture& wanted : captures_)
    if (wanted.edge.node.get() == &node) wanted.grad = grads[wanted.edge.output];
}

void GraphTask::run_node(Node& node) {
  NodeState& state = *states_.find(&node);
  Grads grads = state.take_gradients();
  const bool reached = std::any_of(grads.begin(), grads.end(), [](const Tensor& g) { return g.defined(); });
  if (reached && node.hooks()) run_pre_hooks(node, grads);
  if (state.captured) capture(node, grads);
  // A node that no gradient reached does not run, but its edges still count down, or nodes behind it would wait
  // forever.
  const bool runs = reached && state.runs;

  Grads results;
  if (runs) {
    const RunningNode running(&node);
    const ScopeGuard scope(node.scope());
    results = node.apply(std::move(grads));
    if (!keep_graph_) node.release_saved();
    if (anomaly_detection_enabled()) check_no_nan(node, results);
  }
  const std::span<Edge> edges = node.edges();
  for (size_t i = 0; i < edges.size(); ++i) {
    if (!edges[i].node) continue;
    NodeState& next = *states_.find(edges[i].node.get());
    --next.awaited;
    if (i < results.size()) deliver(next, edges[i].output, std::move(results[i]));
    push_if_ready(next);
  }
  if (runs && node.hooks())
    for (const auto& post : std::vector(node.hooks()->post)) post.hook();
}

}  // namespace farro::detail
