// SPDX-License-Identifier: Apache-2.0
// backward() and grad(): checks of outputs and gradients, and the start of the walk (graph_task.cpp).
#include <farro/autograd/engine/engine.h>

#include <farro/autograd/engine/graph_task.h>
#include <farro/autograd/engine/validate.h>
#include <farro/autograd/node/grad_mode.h>

namespace farro {

namespace {

using detail::Capture;
using detail::GraphTask;

constinit thread_local bool anomaly_mode [[gnu::tls_model("initial-exec")]] = false;

// Edges and starting gradients of the outputs; checks everything before anything runs.
struct Roots {
  std::vector<Edge> edges;
  std::vector<Tensor> gradients;
};

Roots make_roots(const char* op, std::span<const Tensor> outputs, std::span<const Tensor> gradients,
                 bool create_graph) {
  FARRO_CHECK(!outputs.empty(), ValueError, op, ": outputs must not be empty");
  FARRO_CHECK(gradients.empty() || gradients.size() == outputs.size(), ValueError, op,
              ": gradients must be as many as outputs, got ", gradients.size(), " for ", outputs.size());
  Roots roots;
  for (size_t i = 0; i < outputs.size(); ++i) {
    const Tensor& output = outputs[i];
    FARRO_CHECK(output.defined(), ValueError, op, ": outputs must be defined tensors, got an undefined one");
    Edge edge = gradient_edge(output);
    FARRO_CHECK(edge.node, AutogradError, op, ": an output must require a gradient, got one that has no graph (",
                output, ")");
    Tensor gradient = gradients.empty() ? Tensor() : gradients[i];
    if (!gradient.defined()) {
      FARRO_CHECK(output.numel() == 1, ShapeError, op,
                  ": an output without a given gradient must have one element, got ", output);
      const no_grad guard;
      gradient = empty_like(output);
      // The derivative of an output by itself.
      gradient.fill_(1);
    }
    FARRO_CHECK(gradient.sizes() == output.sizes(), ShapeError, op, ": a gradient must have its output's shape ",
                output.sizes(), ", got ", gradient);
    FARRO_CHECK(gradient.device() == output.device(), DeviceError, op, ": a gradient must be on its output's device ",
                output.device(), ", got ", gradient);
    FARRO_CHECK(is_floating(gradient.dtype()), DTypeError, op, ": a gradient must have a floating dtype, got ",
                gradient);
    if (!create_graph) gradient = gradient.detach();
    roots.edges.push_back(std::move(edge));
    roots.gradients.push_back(std::move(gradient));
  }
  return roots;
}

}  // namespace

void backward(std::span<const Tensor> outputs, std::span<const Tensor> gradients, BackwardOptions options) {
  const Roots roots = make_roots("backward", outputs, gradients, options.create_graph);
  GraphTask(options.retain_graph || options.create_graph, options.create_graph).run(roots.edges, roots.gradients, {});
}

std::vector<Tensor> grad(std::span<const Tensor> outputs, std::span<const Tensor> inputs,
                         std::span<const Tensor> gradients, GradOptions options) {
  FARRO_CHECK(!inputs.empty(), ValueError, "grad: inputs must not be empty");
  const Roots roots = make_roots("grad", outputs, gradients, options.create_graph);
  std::vector<Capture> captures;
  for (const Tensor& input : inputs) {
    FARRO_CHECK(input.defined() && input.requires_grad(), AutogradError, "grad: inputs must require a gradient, got ",
                input);
    // The gradient is taken where it arrives for this edge; nothing is written to grad().
    captures.push_back({gradient_edge(input), {}});
  }
  GraphTask(options.retain_graph || options.create_graph, options.create_graph)
      .run(roots.edges, roots.gradients, captures);
  std::vector<Tensor> results;
  for (size_t i = 0; i < captures.size(); ++i) {
    FARRO_CHECK(captures[i].grad.defined() || options.allow_unused, AutogradError,
                "grad: the outputs must depend on every input, got no path to input ", i, " (", inputs[i],
                "); pass {.allow_unused = true} to get an undefined tensor instead");
    results.push_back(std::move(captures[i].grad));
  }
  return results;
}

Tensor grad(const Tensor& output, const Tensor& input, GradOptions options) {
  return grad({&output, 1}, {&input, 1}, {}, options)[0];
}

bool detail::anomaly_detection_enabled() noexcept { return anomaly_mode; }
AnomalyGuard::AnomalyGuard() noexcept : previous_(anomaly_mode) { anomaly_mode = true; }
AnomalyGuard::~AnomalyGuard() { anomaly_mode = previous_; }

}  // namespace farro
