// What the constructors of optimizers share.
#pragma once

#include <farro/optim/optimizers/optimizer.h>

#include <cmath>

namespace farro::optim {

template <class Options>
std::vector<ParamGroup<Options>> one_group(std::vector<Tensor> params, const Options& options) {
  std::vector<ParamGroup<Options>> groups(1);
  groups[0].params = std::move(params);
  groups[0].options = options;
  return groups;
}

template <class Options>
std::vector<std::vector<Tensor>> params_of(const std::vector<ParamGroup<Options>>& groups) {
  std::vector<std::vector<Tensor>> out;
  for (const auto& group : groups) out.push_back(group.params);
  return out;
}

template <class Options>
std::vector<Options> options_of(const std::vector<ParamGroup<Options>>& groups) {
  std::vector<Options> out;
  for (const auto& group : groups) out.push_back(group.options);
  return out;
}

inline void check_not_negative(const char* optimizer, const char* option, double value) {
  FARRO_CHECK(std::isfinite(value) && value >= 0, ValueError, optimizer, ": ", option, " must be at least 0, got ",
              value);
}

}  // namespace farro::optim
