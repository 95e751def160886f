// SPDX-License-Identifier: Apache-2.0
// Nodes of the graph: their number in the order of recording, the node that runs on this thread, and the edge that a
// tensor's gradient goes along.
#include <farro/autograd/node/node.h>

#include <farro/autograd/call/view.h>
#include <farro/autograd/node/accumulate_grad.h>

#include <atomic>

namespace farro {

namespace {
// Numbered by thread: the order matters within one graph, which mostly one thread records, and a shared counter would
// be written by all of them.
[[gnu::tls_model("initial-exec")]] thread_local uint64_t next_sequence = 0;
[[gnu::tls_model("initial-exec")]] thread_local Node* running = nullptr;
}  // namespace

Node::Node() noexcept : sequence_(next_sequence++), scope_(current_scope()) {}

uint64_t NodeHooks::new_id() noexcept {
  static std::atomic<uint64_t> last = 0;
  return ++last;
}

Node* running_node() noexcept { return running; }
RunningNode::RunningNode(Node* node) noexcept : previous_(running) { running = node; }
RunningNode::~RunningNode() { running = previous_; }

Edge gradient_edge(const Tensor& tensor) {
  TensorImpl& impl = *tensor.impl();
  if (impl.base && impl.view_version != impl.storage->version()) refresh_view_history(impl);
  if (impl.grad_fn) return {Ref<Node>::share(static_cast<Node*>(impl.grad_fn.get())), impl.output_nr};
  // A leaf: its accumulator ends the path.
  if (impl.requires_grad) return {Ref<Node>::share(&accumulator_of(impl)), 0};
  return {};
}

void set_history(TensorImpl& tensor, const Ref<Node>& node, uint32_t output) noexcept {
  tensor.grad_fn = node;
  tensor.drop_snapshot();
  tensor.output_nr = output;
}

Tensor detail::meta_tensor(const OutputMeta& like) {
  return empty(like.sizes, {.dtype = like.dtype, .device = Device::meta()});
}

void throw_graph_freed(const Node& node) {
  const ScopeGuard scope(node.scope());
  fail<AutogradError>("backward: the graph must not be walked twice, got a second walk through ", node.name(),
                      " whose saved tensors were freed; pass {.retain_graph = true} to the first backward()");
}

}  // namespace farro
