// SPDX-License-Identifier: Apache-2.0
// What an optimizer is written with: its options as a struct, listed once, and its states.
//
//     struct RMSpropOptions { double lr = 1e-2; double alpha = 0.99; ... };
//     const OptimizerInfo<RMSpropOptions>& info() {
//       using O = RMSpropOptions;
//       static const OptimizerInfo<O> info{
//           .name = "RMSprop",
//           .options = {{"lr", &O::lr, Range::not_negative}, {"alpha", &O::alpha, Range::fraction}, ...},
//           .states = {{"square_avg"}, {"momentum_buffer", [](const O& o) { return o.momentum > 0; }}}};
//       return info;
//     }
//     RMSprop::RMSprop(std::vector<Tensor> params, const O& o) : OptimizerOf(info(), std::move(params), o) {}
//     void RMSprop::update(const O& o, const Batch& batch) { ... batch.states[0] is square_avg ... }
//
// A new option is a member of the struct and a line of the list; tools/newoptimizer writes the files.
#pragma once

#include <farro/optim/optimizers/optimizer.h>

namespace farro::optim {

template <class Options>
struct StateInfo {
  const char* name;                                // PyTorch's
  bool (*used)(const Options& options) = nullptr;  // absent: always
  // Whether a parameter that has made a step cannot be without it; else it may have come into use just now.
  bool needed = true;
};

template <class Options>
struct OptimizerInfo {
  const char* name;
  std::vector<Option<Options>> options;
  std::vector<StateInfo<Options>> states = {};
  void (*check)(const Options& options) = nullptr;  // ValueError for what no range says
  bool capturable = false;                          // update() heeds Batch::lr_tensor and step_tensor
};

template <class OptionsOf>
class OptimizerOf : public Optimizer {
 public:
  using Options = OptionsOf;
  Options options(size_t group = 0) const { return to_options(info_.options, settings(group)); }

 protected:
  using Info = OptimizerInfo<Options>;
  using Groups = std::vector<ParamGroup<Options>>;
  // `info` must outlive the optimizer. ValueError for options out of range, and see Optimizer.
  OptimizerOf(const Info& info, Groups groups)
      : Optimizer(info.name, state_names(info), bare(info, groups)), info_(info) {
    for (size_t g = 0; g < num_groups(); ++g) check(settings(g));
  }
  OptimizerOf(const Info& info, std::vector<Tensor> params, const Options& options)
      : OptimizerOf(info, one_group(std::move(params), options)) {}

  virtual void update(const Options& options, const Batch& batch) = 0;
  // A parameter's state number `state` before its first step.
  virtual Tensor new_state(const Options&, size_t, const Tensor& param) const { return zero_state(param); }

 private:
  static Groups one_group(std::vector<Tensor> params, const Options& options) {
    Groups groups(1);
    groups[0].params = std::move(params);
    groups[0].options = options;
    return groups;
  }
  static std::vector<const char*> state_names(const Info& info) {
    std::vector<const char*> out;
    for (const auto& state : info.states) out.push_back(state.name);
    return out;
  }
  static std::vector<BareGroup> bare(const Info& info, Groups& groups) {
    std::vector<BareGroup> out;
    for (auto& group : groups) out.push_back({std::move(group.params), to_settings(info.options, group.options)});
    return out;
  }

  void update_group(size_t group, const Batch& batch) final { update(options(group), batch); }
  void check(const Settings& settings) const final {
    check_ranges(info_.name, settings);
    if (info_.check) info_.check(to_options(info_.options, settings));
  }
  StateUse use_of(const Settings& settings, size_t state) const final {
    const StateInfo<Options>& info = info_.states[state];
    if (info.used && !info.used(to_options(info_.options, settings))) return StateUse::none;
    return info.needed ? StateUse::needed : StateUse::optional;
  }
  bool can_be_capturable() const noexcept final { return info_.capturable; }
  Tensor new_state_of(const Settings& settings, size_t state, const Tensor& param) const final {
    return new_state(to_options(info_.options, settings), state, param);
  }

  const Info& info_;
};

}  // namespace farro::optim
