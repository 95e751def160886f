// SPDX-License-Identifier: Apache-2.0
// Operations with a gradient of the user's own making:
//
//     struct Scale {
//       double factor = 0;  // members keep what is no tensor
//       Tensor forward(FunctionContext& context, const Tensor& x, double by) {
//         factor = by;
//         context.save({x});                       // tensors go here: inputs or outputs
//         return x * by;
//       }
//       std::vector<Tensor> backward(FunctionContext& context, const std::vector<Tensor>& grads) {
//         return {grads[0] * factor};              // one for each Tensor among forward's arguments, in order
//       }
//     };
//     Tensor y = apply_function<Scale>(x, 2.0);
//
// forward() runs without recording. backward() is differentiable itself where it uses recorded operations on saved
// inputs and outputs; a tensor that is neither is a constant to it.
#pragma once

#include <farro/autograd/node/node.h>
#include <farro/core/api.h>

#include <type_traits>

namespace farro {

class FARRO_API FunctionContext {
 public:
  // In forward(): keeps tensors for backward(). Each must be an argument, a result, or a constant.
  void save(std::vector<Tensor> tensors) { to_save_ = std::move(tensors); }
  // In backward(): what save() was given; AutogradError where one was changed in place since.
  std::vector<Tensor> saved() const;

  // Whether tensor argument number `i` wants a gradient; if not, backward() may return an undefined tensor for it.
  bool needs_input_grad(size_t i) const { return needs_.at(i); }
  // In forward(): this result has no gradient.
  void mark_non_differentiable(const Tensor& output) { constants_.push_back(output); }
  // In forward(): this argument was changed in place and is returned.
  void mark_dirty(const Tensor& input) { dirty_.push_back(input); }
  // Whether backward() sees zeros (the default) or undefined tensors for results without a gradient.
  void set_materialize_grads(bool value) noexcept { materialize_ = value; }

 private:
  friend class CustomNode;
  std::vector<Tensor> to_save_, constants_, dirty_;  // until forward() is over
  std::vector<SavedTensor> saved_;
  std::vector<bool> needs_;
  bool materialize_ = true;
};

// The part of a custom function's node that does not depend on its type. Used by apply_function().
class FARRO_API CustomNode : public Node {
 public:
  Grads apply(Grads&& grads) override;
  void release_saved() noexcept override;

  // Around forward(): notes the arguments; makes the node the history of the results.
  void begin(std::vector<Tensor> inputs);
  void finish(std::vector<Tensor>& outputs);

  FunctionContext context;

 protected:
  virtual std::vector<Tensor> run_backward(const std::vector<Tensor>& grads) = 0;

 private:
  void save(const std::vector<Tensor>& outputs);

  std::vector<Tensor> inputs_;  // until finish()
  std::vector<Edge> edges_;
  std::vector<OutputMeta> metas_;
  bool records_ = false;
  bool released_ = false;
};

namespace detail {

template <class F>
class FunctionNode final : public CustomNode {
 public:
  // A function may have `static constexpr const char* name`.
  const char* name() const noexcept override {
    if constexpr (requires { F::name; })
      return F::name;
    else
      return "custom_function";
  }
  F function;

 private:
  std::vector<Tensor> run_backward(const std::vector<Tensor>& grads) override {
    return function.backward(context, grads);
  }
};

FARRO_API std::vector<Tensor> forward_without_recording(CustomNode& node,
                                                        const std::function<std::vector<Tensor>()>& forward);

}  // namespace detail

// Runs F's forward() on the arguments and records F's backward(). Returns what forward() returns: a Tensor or a vector
// of them. Errors of backward() (a wrong number of gradients, or of a wrong shape) are AutogradErrors and ShapeErrors
// of the walk.
template <class F, class... Args>
auto apply_function(const Args&... args) {
  const auto node = Ref<detail::FunctionNode<F>>::adopt(new detail::FunctionNode<F>());
  std::vector<Tensor> inputs;
  const auto note = [&](const auto& arg) {
    if constexpr (std::is_same_v<std::remove_cvref_t<decltype(arg)>, Tensor>) inputs.push_back(arg);
  };
  (note(args), ...);
  node->begin(std::move(inputs));
  using Result = decltype(node->function.forward(node->context, args...));
  const std::vector<Tensor> outputs = detail::forward_without_recording(*node, [&] {
    if constexpr (std::is_same_v<Result, Tensor>)
      return std::vector{node->function.forward(node->context, args...)};
    else
      return node->function.forward(node->context, args...);
  });
  if constexpr (std::is_same_v<Result, Tensor>)
    return outputs[0];
  else
    return outputs;
}

}  // namespace farro
