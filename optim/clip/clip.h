// SPDX-License-Identifier: Apache-2.0
// Gradient clipping over all parameters of a model.
#pragma once

#include <farro/core/api.h>
#include <farro/core/tensor/tensor.h>

namespace farro::optim {

struct ClipOptions {
  double norm_type = 2;             // the p of the norm; infinity for the largest magnitude
  bool error_if_nonfinite = false;  // ValueError instead of scaling by a NaN or infinite norm; waits for the device
};

// Scales all gradients by max_norm / norm where their norm, taken as one vector, exceeds max_norm. Returns the norm
// before, 0-dim, on the gradients' device (a CPU zero where no parameter has a gradient). ValueError unless max_norm >=
// 0.
FARRO_API Tensor clip_grad_norm_(TensorList params, double max_norm, const ClipOptions& options = {});

// Clamps every element of every gradient to [-limit, limit]. ValueError unless limit >= 0.
FARRO_API void clip_grad_value_(TensorList params, double limit);

}  // namespace farro::optim
