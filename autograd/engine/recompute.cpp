// SPDX-License-Identifier: Apache-2.0
// recompute() (Chen et al. 2016): the first run lets go of what its ops save; when the backward pass asks for the first
// of it, the function runs again under the same random states, scope and mixed precision, and what it saves then takes
// the place of what was let go.
#include <farro/autograd/engine/recompute.h>

#include <farro/autograd/call/autocast.h>
#include <farro/autograd/node/grad_mode.h>
#include <farro/autograd/node/node.h>
#include <farro/core/random/generator.h>

#include <mutex>
#include <optional>

namespace farro {

namespace {

using detail::DeferredTensor;
using detail::SavingScope;

// States of the default generators that a function on these inputs draws from.
class RandomStates {
 public:
  explicit RandomStates(const std::vector<Tensor>& inputs) {
    add(Device::cpu());
    for (const Tensor& input : inputs)
      if (input.defined() && input.is_cuda()) add(input.device());
  }
  RandomStates now() const {
    RandomStates current = *this;
    for (Entry& entry : current.states_) entry = state_of(entry.device);
    return current;
  }
  void install() const noexcept {
    for (const auto& [device, state, offset] : states_) {
      Generator& generator = default_generator(device);
      // By a call, so that a recorded step does it again.
      if (offset.defined())
        generator.offset_on(device).copy_(offset);
      else
        generator.set_state(state);
    }
  }

 private:
  void add(Device device) {
    for (const Entry& entry : states_)
      if (entry.device == device) return;
    states_.push_back(state_of(device));
  }
  struct Entry {
    Device device;
    PhiloxState state;
    Tensor offset;  // of a capturable generator, instead of `state`
  };
  static Entry state_of(Device device) {
    Generator& generator = default_generator(device);
    if (const Tensor offset = generator.offset_on(device); offset.defined()) return {device, {}, offset.clone()};
    return {device, generator.state(), {}};
  }
  std::vector<Entry> states_;
};

// One call of recompute(): the function, its inputs, and, once it ran again, what its ops saved, in the order of
// saving.
class Frame : public RefCounted {
 public:
  Frame(TensorFunction function, const std::vector<Tensor>& inputs, const RecomputeOptions& options)
      : function_(std::move(function)),
        scope_(current_scope()),
        cast_to_(autocast_dtype()),
        casts_(autocast_enabled()) {
    if (options.preserve_random_state) random_.emplace(inputs);
    for (const Tensor& input : inputs) {
      inputs_.emplace_back(input);  // within an outer recompute(), that one's to make again
      requires_grad_.push_back(input.defined() && input.requires_grad());
    }
  }

  // Runs the function for the first time.
  std::vector<Tensor> run(const std::vector<Tensor>& inputs);
  Tensor get(uint32_t slot);
  void drop(uint32_t slot) noexcept {
    const std::lock_guard lock(mutex_);
    if (slot < made_.size()) made_[slot] = {};
  }

 private:
  void run_again();

  const TensorFunction function_;
  const ScopeNode* const scope_;
  const DType cast_to_;  // mixed precision of the first run
  const bool casts_;
  std::vector<SavedTensor> inputs_;
  std::vector<bool> requires_grad_;
  std::optional<RandomStates> random_;
  uint32_t saved_ = 0;             // by the first run
  std::recursive_mutex mutex_;     // several threads may walk one graph
  std::vector<SavedTensor> made_;  // by the second
};

// Number `slot` of what the first run saved. It keeps the tensor's history, which lies in the first run's graph.
class MadeAgain final : public DeferredTensor {
 public:
  MadeAgain(Ref<Frame> frame, uint32_t slot, const SavedTensor& saved) : frame_(std::move(frame)), slot_(slot) {
    const TensorImpl& record = *saved.record();
    sizes_ = record.sizes;
    dtype_ = record.dtype;
    if (saved.is_output()) return;
    history_ = gradient_edge(Tensor(saved.record()));
  }
  ~MadeAgain() override { frame_->drop(slot_); }

  Tensor get() override {
    const Tensor made = frame_->get(slot_);
    FARRO_CHECK(made.sizes() == sizes_ && made.dtype() == dtype_, AutogradError,
                "recompute: the function must do the same when it runs again, got ", made, " where ", dtype_, " ",
                sizes_, " was saved");
    // The remade elements with the history of the first run: gradients go on into the graph that called for them.
    Tensor tensor = make_view(made, made.sizes(), made.strides(), made.storage_offset());
    if (history_.node) set_history(*tensor.impl(), history_.node, history_.output);
    return tensor;
  }

 private:
  Ref<Frame> frame_;
  uint32_t slot_;
  Shape sizes_;
  DType dtype_;
  Edge history_;
};

// First run: leaves stay, they live anyway; all else is let go.
class LetGo final : public SavingScope {
 public:
  explicit LetGo(Frame& frame) noexcept : frame_(frame) {}
  Ref<DeferredTensor> saving(const SavedTensor& saved) override {
    const uint32_t slot = count++;
    if (saved.record()->requires_grad) return {};
    return Ref<MadeAgain>::adopt(new MadeAgain(Ref<Frame>::share(&frame_), slot, saved));
  }
  uint32_t count = 0;

 private:
  Frame& frame_;
};

// Second run.
class Collect final : public SavingScope {
 public:
  Ref<DeferredTensor> saving(const SavedTensor& saved) override {
    made.push_back(saved.without_history());
    return {};
  }
  std::vector<SavedTensor> made;
};

std::vector<Tensor> Frame::run(const std::vector<Tensor>& inputs) {
  LetGo scope(*this);
  std::vector<Tensor> outputs = function_(inputs);
  saved_ = scope.count;
  return outputs;
}

Tensor Frame::get(uint32_t slot) {
  const std::lock_guard lock(mutex_);
  if (made_.empty()) run_again();
  return made_[slot].get();
}

void Frame::run_again() {
  std::vector<Tensor> inputs;
  for (size_t i = 0; i < inputs_.size(); ++i) {
    const Tensor input = inputs_[i].get();
    // Leaves of their own: the second run's graph ends here, and the first run's goes on behind them.
    inputs.push_back(input.defined() ? input.detach() : Tensor());
    // Ops save only what a gradient needs: the second run must need the same ones.
    if (requires_grad_[i]) inputs.back().set_requires_grad();
  }
  struct RestoreRandom {
    std::optional<RandomStates> states;
    ~RestoreRandom() {
      if (states) states->install();
    }
  } restore;
  if (random_) {
    restore.states = random_->now();
    random_->install();
  }
  const enable_grad recording;  // so that ops save
  const autocast precision(cast_to_, casts_);
  const ScopeGuard where(scope_);
  Collect scope;
  // Its results are thrown away: what its ops save is all that is wanted.
  function_(inputs);
  FARRO_CHECK(scope.made.size() == saved_, AutogradError,
              "recompute: the function must do the same when it runs again, got ", scope.made.size(),
              " tensors saved for backward where there were ", saved_);
  made_ = std::move(scope.made);
}

}  // namespace

std::vector<Tensor> recompute(TensorFunction function, const std::vector<Tensor>& inputs,
                              const RecomputeOptions& options) {
  FARRO_CHECK(function, ValueError, "recompute: function must be callable, got an empty one");
  if (!grad_enabled()) return function(inputs);
  const auto frame = Ref<Frame>::adopt(new Frame(std::move(function), inputs, options));
  return frame->run(inputs);
}

Tensor recompute(std::function<Tensor(const Tensor&)> function, const Tensor& input, const RecomputeOptions& options) {
  FARRO_CHECK(function, ValueError, "recompute: function must be callable, got an empty one");
  const auto on_lists = [fn = std::move(function)](const std::vector<Tensor>& in) { return std::vector{fn(in[0])}; };
  return recompute(TensorFunction(on_lists), std::vector{input}, options)[0];
}

}  // namespace farro
