// Judges outputs against the double reference. What is tolerated is measured, not chosen: kSlack times the error that
// the plain formula makes in f32 (f64: scaled by the ratio of their roundings), plus the rounding of the result itself.
#pragma once

#include <farro/tests/opcheck/values.h>

namespace farro::opcheck {

// A kernel may order its sums otherwise than the plain formula does.
inline constexpr double kSlack = 4;

// In words where the outputs of a run differ from the reference; empty where they do not.
std::string judge(const Sample& sample, const std::vector<std::vector<double>>& inputs, DType dtype,
                  const Tensors& outputs);

}  // namespace farro::opcheck
