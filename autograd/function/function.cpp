// SPDX-License-Identifier: Apache-2.0
// Functions that users write with forward and backward: what is saved, which outputs have a history, and the node that
// calls their backward.
#include <farro/autograd/function/function.h>

#include <farro/autograd/engine/validate.h>
#include <farro/autograd/node/grad_mode.h>

#include <algorithm>

namespace farro {

namespace {

bool holds(const std::vector<Tensor>& list, const Tensor& tensor) {
  return std::any_of(list.begin(), list.end(), [&](const Tensor& other) { return other.is_same(tensor); });
}

}  // namespace

std::vector<Tensor> FunctionContext::saved() const {
  std::vector<Tensor> tensors;
  for (const SavedTensor& saved : saved_) tensors.push_back(saved.get());
  return tensors;
}

void CustomNode::begin(std::vector<Tensor> inputs) {
  inputs_ = std::move(inputs);
  for (const Tensor& input : inputs_) {
    const bool needs = grad_enabled() && input.defined() && input.requires_grad();
    context.needs_.push_back(needs);
    edges_.push_back(needs ? gradient_edge(input) : Edge());
    records_ = records_ || needs;
  }
}

void CustomNode::save(const std::vector<Tensor>& outputs) {
  for (const Tensor& tensor : context.to_save_) {
    int output = -1;
    for (size_t i = 0; i < outputs.size(); ++i)
      if (tensor.defined() && outputs[i].is_same(tensor)) output = static_cast<int>(i);
    // Outputs are saved without history: the node would otherwise own itself.
    context.saved_.push_back(output < 0 ? SavedTensor(tensor) : SavedTensor::output(tensor, output));
  }
  context.to_save_.clear();
}

void CustomNode::finish(std::vector<Tensor>& outputs) {
  for (Tensor& output : outputs) {
    if (!output.defined() || !holds(inputs_, output) || holds(context.dirty_, output)) continue;
    output = output.detach();  // an argument handed back: its own history stays as it is
  }
  if (records_) {
    save(outputs);
    metas_.reserve(outputs.size());
    for (const Tensor& output : outputs) metas_.push_back(output.defined() ? OutputMeta(*output.impl()) : OutputMeta());
    bind(edges_, metas_);
    for (size_t i = 0; i < outputs.size(); ++i) {
      const Tensor& output = outputs[i];
      if (!output.defined() || !is_floating(output.dtype()) || holds(context.constants_, output)) continue;
      FARRO_CHECK(!holds(context.dirty_, output) || !output.impl()->base, AutogradError, name(),
                  ": a view must not be changed in place by a custom function, got ", output);
      FARRO_CHECK(!output.impl()->requires_grad, AutogradError, name(),
                  ": a leaf that requires a gradient must not be changed in place, got ", output);
      set_history(*output.impl(), Ref<Node>::share(this), static_cast<uint32_t>(i));
    }
  }
  inputs_.clear();
  context.constants_.clear();
  context.dirty_.clear();
}

Grads CustomNode::apply(Grads&& grads) {
  if (released_) throw_graph_freed(*this);
  std::vector<Tensor> list(grads.begin(), grads.end());
  for (size_t i = 0; i < list.size(); ++i)
    if (context.materialize_ && !list[i].defined())
      list[i] = empty(metas_[i].sizes, {.dtype = metas_[i].dtype, .device = metas_[i].device}).zero_();
  const std::vector<Tensor> results = run_backward(list);
  FARRO_CHECK(results.size() == edges_.size(), AutogradError, name(),
              ": backward must return a gradient for each of the ", edges_.size(), " tensor arguments, got ",
              results.size());
  Grads out(results.size());
  for (size_t i = 0; i < results.size(); ++i) {
    if (!edges_[i].node || !results[i].defined()) continue;
    detail::check_exact_gradient(name(), str("backward, for tensor argument ", i, ",").c_str(),
                                 edges_[i].node->outputs()[edges_[i].output], results[i]);
    out[i] = results[i];
  }
  return out;
}

void CustomNode::release_saved() noexcept {
  released_ = released_ || !context.saved_.empty();
  context.saved_.clear();
}

std::vector<Tensor> detail::forward_without_recording(CustomNode& node,
                                                      const std::function<std::vector<Tensor>()>& forward) {
  std::vector<Tensor> outputs;
  {
    const no_grad guard;
    outputs = forward();
  }
  node.finish(outputs);
  return outputs;
}

}  // namespace farro
