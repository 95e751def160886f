#include <farro/autograd/engine/engine.h>

#include <farro/autograd/engine/graph_task.h>
#include <farro/autograd/engine/validate.h>
#include <farro/autograd/node/accumulate_grad.h>
#include <farro/autograd/node/grad_mode.h>

#include <algorithm>

namespace farro {

namespace {

using detail::NodeMap;
using detail::NodeState;

thread_local bool anomaly_mode = false;

// A gradient that grad() wants to see instead of letting it pass.
struct Capture {
  Edge edge;
  Tensor grad;
};

class GraphTask {
 public:
  GraphTask(bool keep_graph, bool create_graph) : keep_graph_(keep_graph), create_graph_(create_graph) {}

  void run(std::span<const Edge> roots, std::span<const Tensor> gradients, std::vector<Capture>* captures) {
    captures_ = captures;
    count_dependencies(roots);
    if (captures_) mark_needed(roots);
    const GradModeGuard mode(create_graph_);
    for (size_t i = 0; i < roots.size(); ++i) deliver(*states_.find(roots[i].node.get()), roots[i].output, gradients[i]);
    for (const Edge& root : roots) push_if_ready(root.node);
    while (!ready_.empty()) {
      std::pop_heap(ready_.begin(), ready_.end(), runs_later);
      const Ref<Node> node = std::move(ready_.back());
      ready_.pop_back();
      run_node(node);
    }
  }

 private:
  static bool runs_later(const Ref<Node>& a, const Ref<Node>& b) noexcept { return a->sequence() < b->sequence(); }

  void count_dependencies(std::span<const Edge> roots) {
    std::vector<Node*> stack;
    for (const Edge& root : roots)
      if (states_.insert(root.node.get()).second) stack.push_back(root.node.get());
    while (!stack.empty()) {
      Node* node = stack.back();
      stack.pop_back();
      for (const Edge& edge : node->edges()) {
        if (!edge.node) continue;
        const auto [state, is_new] = states_.insert(edge.node.get());
        ++state->awaited;
        if (is_new) stack.push_back(edge.node.get());
      }
    }
  }

  // For grad(): a node is needed if a captured edge lies at or behind it. Nodes that are not needed are skipped, leaves'
  // accumulators among them.
  void mark_needed(std::span<const Edge> roots) {
    struct Frame {
      Node* node;
      size_t next;
    };
    std::vector<Frame> stack;
    std::vector<Node*> visited;
    const auto enter = [&](Node* node) {
      NodeState& state = *states_.find(node);
      state.needed = std::any_of(captures_->begin(), captures_->end(), [&](const Capture& c) { return c.edge.node.get() == node; });
      stack.push_back({node, 0});
      visited.push_back(node);
    };
    NodeMap seen;
    for (const Edge& root : roots) {
      if (!seen.insert(root.node.get()).second) continue;
      enter(root.node.get());
      while (!stack.empty()) {
        Frame& frame = stack.back();
        Node* node = frame.node;
        if (frame.next < node->edges().size()) {
          Node* child = node->edges()[frame.next++].node.get();
          if (child && seen.insert(child).second) enter(child);
          continue;
        }
        stack.pop_back();
        bool& needed = states_.find(node)->needed;
        for (const Edge& edge : node->edges()) needed = needed || (edge.node && states_.find(edge.node.get())->needed);
      }
    }
  }

  // Adds a gradient to what has arrived for one output of a node.
  void deliver(NodeState& state, uint32_t output, Tensor grad) {
    if (!grad.defined()) return;
    grad = detail::fit_gradient(*state.node, output, std::move(grad));
    Tensor& slot = state.gradient(output);
    if (!slot.defined()) {
      slot = std::move(grad);
    } else if (!create_graph_ && slot.impl()->use_count() == 1 && slot.storage()->use_count() == 1 && slot.is_contiguous()) {
      slot.add_(grad);
    } else {
      slot = slot + grad;
    }
  }

  void push_if_ready(const Ref<Node>& node) {
    NodeState& state = *states_.find(node.get());
    if (state.awaited != 0) return;
    state.awaited = UINT32_MAX;  // pushed once
    ready_.push_back(node);
    std::push_heap(ready_.begin(), ready_.end(), runs_later);
  }

  Grads take_gradients(NodeState& state) {
    Grads grads(state.node->outputs().size());
    if (!grads.empty()) grads[0] = std::move(state.first);
    if (state.others)
      for (size_t i = 1; i < grads.size(); ++i) grads[i] = std::move((*state.others)[i - 1]);
    state.others.reset();
    return grads;
  }

  void run_node(const Ref<Node>& node) {
    NodeState& state = *states_.find(node.get());
    const bool needed = state.needed;
    Grads grads = take_gradients(state);
    if (NodeHooks* hooks = node->hooks()) {
      for (size_t i = 0; i < hooks->pre.size(); ++i) {
        const auto& pre = hooks->pre[i];
        if (!grads[pre.output].defined()) continue;
        if (Tensor replaced = pre.hook(grads[pre.output]); replaced.defined())
          grads[pre.output] = detail::fit_gradient(*node, pre.output, std::move(replaced));
      }
    }
    if (captures_)
      for (Capture& capture : *captures_)
        if (capture.edge.node == node) capture.grad = grads[capture.edge.output];

    Grads results(node->edges().size());
    const bool any_gradient = std::any_of(grads.begin(), grads.end(), [](const Tensor& g) { return g.defined(); });
    const bool only_captured = captures_ && node->edges().empty();
    if (needed && any_gradient && !only_captured) {
      const RunningNode running(node.get());
      const ScopeGuard scope(node->scope());
      results = node->apply(std::move(grads));
      if (!keep_graph_) node->release_saved();
      if (anomaly_mode) detail::check_no_nan(*node, results);
    }
    const std::span<Edge> edges = node->edges();
    for (size_t i = 0; i < edges.size(); ++i) {
      if (!edges[i].node) continue;
      NodeState& next = *states_.find(edges[i].node.get());
      --next.awaited;
      if (next.needed && i < results.size()) deliver(next, edges[i].output, std::move(results[i]));
      push_if_ready(edges[i].node);
    }
    if (needed && any_gradient && !only_captured && node->hooks())
      for (const auto& post : node->hooks()->post) post.hook();
  }

  const bool keep_graph_;
  const bool create_graph_;
  NodeMap states_;
  std::vector<Ref<Node>> ready_;  // a heap, later nodes first
  std::vector<Capture>* captures_ = nullptr;
};

// Edges and starting gradients of the outputs; checks everything before anything runs.
struct Roots {
  std::vector<Edge> edges;
  std::vector<Tensor> gradients;
};

Roots make_roots(const char* op, std::span<const Tensor> outputs, std::span<const Tensor> gradients, bool create_graph) {
  FARRO_CHECK(!outputs.empty(), ValueError, op, ": outputs must not be empty");
  FARRO_CHECK(gradients.empty() || gradients.size() == outputs.size(), ValueError, op,
              ": gradients must be as many as outputs, got ", gradients.size(), " for ", outputs.size());
  Roots roots;
  for (size_t i = 0; i < outputs.size(); ++i) {
    const Tensor& output = outputs[i];
    FARRO_CHECK(output.defined(), ValueError, op, ": outputs must be defined tensors, got an undefined one");
    Edge edge = gradient_edge(output);
    FARRO_CHECK(edge.node, AutogradError, op, ": an output must require a gradient, got one that has no graph (", output,
                ")");
    Tensor gradient = gradients.empty() ? Tensor() : gradients[i];
    if (!gradient.defined()) {
      FARRO_CHECK(output.numel() == 1, ShapeError, op,
                  ": an output without a given gradient must have one element, got ", output);
      const no_grad guard;
      gradient = empty_like(output);
      gradient.fill_(1);
    }
    FARRO_CHECK(gradient.sizes() == output.sizes(), ShapeError, op, ": a gradient must have its output's shape ",
                output.sizes(), ", got ", gradient);
    if (!create_graph) gradient = gradient.detach();
    roots.edges.push_back(std::move(edge));
    roots.gradients.push_back(std::move(gradient));
  }
  return roots;
}

}  // namespace

void backward(std::span<const Tensor> outputs, std::span<const Tensor> gradients, BackwardOptions options) {
  const Roots roots = make_roots("backward", outputs, gradients, options.create_graph);
  GraphTask(options.retain_graph || options.create_graph, options.create_graph).run(roots.edges, roots.gradients, nullptr);
}

std::vector<Tensor> grad(std::span<const Tensor> outputs, std::span<const Tensor> inputs,
                         std::span<const Tensor> gradients, GradOptions options) {
  const Roots roots = make_roots("grad", outputs, gradients, options.create_graph);
  std::vector<Capture> captures;
  for (const Tensor& input : inputs) {
    FARRO_CHECK(input.defined() && input.requires_grad(), AutogradError, "grad: inputs must require a gradient, got ", input);
    captures.push_back({gradient_edge(input), {}});
  }
  GraphTask(options.retain_graph || options.create_graph, options.create_graph).run(roots.edges, roots.gradients, &captures);
  std::vector<Tensor> results;
  for (size_t i = 0; i < captures.size(); ++i) {
    FARRO_CHECK(captures[i].grad.defined() || options.allow_unused, AutogradError, "grad: the outputs must depend on every input, got no path to input ", i,
                " (", inputs[i], "); pass {.allow_unused = true} to get an undefined tensor instead");
    results.push_back(std::move(captures[i].grad));
  }
  return results;
}

Tensor grad(const Tensor& output, const Tensor& input, GradOptions options) {
  return grad({&output, 1}, {&input, 1}, {}, options)[0];
}

AnomalyGuard::AnomalyGuard() noexcept : previous_(anomaly_mode) { anomaly_mode = true; }
AnomalyGuard::~AnomalyGuard() { anomaly_mode = previous_; }

}  // namespace farro
