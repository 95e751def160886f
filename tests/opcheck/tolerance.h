// SPDX-License-Identifier: Apache-2.0
// Judges outputs against the double reference. What is tolerated is measured, not chosen: kSlack times the error that
// the plain formula makes in f32 (f64: scaled by the ratio of their roundings), plus the rounding of the result itself.
#pragma once

#include <farro/tests/opcheck/values.h>

#include <map>

namespace farro::opcheck {

// A kernel may order its sums otherwise than the plain formula does.
inline constexpr double kSlack = 4;

// Errors of the plain f32 formula over an output: the largest absolute and the largest relative one.
struct NaiveError {
  double absolute = 0, relative = 0;
};

// The reference's answers for one sample, worked out once for all devices and kernel variants.
class Oracle {
 public:
  explicit Oracle(const Sample& sample) : sample_(sample) {}

  // In words where the outputs of a run differ from the reference; empty where they do not. `inputs` are those that
  // make_inputs() gives for the dtype.
  std::string judge(const std::vector<std::vector<double>>& inputs, DType dtype, const Tensors& outputs);

 private:
  const std::vector<NaiveError>& errors(const std::vector<std::vector<double>>& inputs, DType dtype);

  const Sample& sample_;
  std::map<DType, Arrays<double>> answers_;
  std::vector<NaiveError> errors_[2];  // of floating dtypes, of others
};

}  // namespace farro::opcheck
