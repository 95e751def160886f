#include <farro/autograd/node/node.h>

#include <farro/autograd/node/accumulate_grad.h>
#include <farro/autograd/node/grad_mode.h>

namespace farro {

thread_local detail::GradMode detail::grad_mode_tls [[gnu::tls_model("initial-exec")]];

namespace {
[[gnu::tls_model("initial-exec")]] thread_local uint64_t next_sequence = 0;
[[gnu::tls_model("initial-exec")]] thread_local Node* running = nullptr;
}  // namespace

Node::Node() noexcept : sequence_(next_sequence++), scope_(current_scope()) {}

Node* running_node() noexcept { return running; }
RunningNode::RunningNode(Node* node) noexcept : previous_(running) { running = node; }
RunningNode::~RunningNode() { running = previous_; }

Edge gradient_edge(const Tensor& tensor) {
  TensorImpl& impl = *tensor.impl();
  if (impl.base && impl.view_version != impl.storage->version()) refresh_view_history(impl);
  if (impl.grad_fn) return {Ref<Node>::share(static_cast<Node*>(impl.grad_fn.get())), impl.output_nr};
  if (impl.requires_grad) return {Ref<Node>::share(&accumulator_of(impl)), 0};
  return {};
}

void set_history(TensorImpl& tensor, const Ref<Node>& node, uint32_t output) noexcept {
  tensor.grad_fn = node;
  tensor.output_nr = output;
}

void throw_graph_freed(const Node& node) {
  const ScopeGuard scope(node.scope());
  fail<AutogradError>("backward: the graph must not be walked twice, got a second walk through ", node.name(),
                      " whose saved tensors were freed; pass {.retain_graph = true} to the first backward()");
}

SavedTensor::SavedTensor(const Tensor& input) {
  if (!input.defined()) return;
  FARRO_CHECK(!input.impl()->inference, AutogradError,
              "autograd: a tensor saved for backward must not come from inference_mode, got ", input,
              "; clone() it outside inference_mode first");
  const TensorImpl& impl = *input.impl();
  version_ = impl.storage->version();
  if (inplace_recording_target() != &impl) [[likely]] {
    impl_ = Ref<TensorImpl>::share(input.impl());
    return;
  }
  // The op overwrote this input and the tensor's history is about to be the node that saves it: a record without history
  // avoids the cycle. get() will fail, for the value is gone.
  impl_ = Ref<TensorImpl>::adopt(
      new TensorImpl(impl.storage, impl.offset, impl.sizes, impl.strides, impl.numel, impl.dtype));
}

SavedTensor SavedTensor::output(const Tensor& output, int output_nr) {
  const TensorImpl& from = *output.impl();
  SavedTensor saved;
  saved.impl_ = Ref<TensorImpl>::adopt(
      new TensorImpl(from.storage, from.offset, from.sizes, from.strides, from.numel, from.dtype));
  saved.version_ = from.storage->version() + (inplace_recording_target() == &from);
  saved.output_nr_ = output_nr;
  return saved;
}

Tensor SavedTensor::get() const {
  if (!impl_) return {};
  if (impl_->storage->version() != version_) [[unlikely]] {
    const Node* node = running_node();
    const ScopeGuard scope(node ? node->scope() : current_scope());
    fail<AutogradError>(node ? node->name() : "autograd", ": a tensor saved for backward must not change, got ",
                        Tensor(impl_), " at version ", impl_->storage->version(), " where version ", version_,
                        " was saved; an in-place operation changed it: use the out-of-place form, or clone() it before");
  }
  if (output_nr_ < 0) return Tensor(impl_);
  Tensor out(Ref<TensorImpl>::adopt(
      new TensorImpl(impl_->storage, impl_->offset, impl_->sizes, impl_->strides, impl_->numel, impl_->dtype)));
  if (grad_enabled() && running_node())
    set_history(*out.impl(), Ref<Node>::share(running_node()), static_cast<uint32_t>(output_nr_));
  return out;
}

}  // namespace farro
