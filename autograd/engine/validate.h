// SPDX-License-Identifier: Apache-2.0
// The one place where gradients are checked against the outputs they belong to, and where broadcasting is undone.
#pragma once

#include <farro/autograd/node/node.h>
#include <farro/core/api.h>

namespace farro::detail {

// `grad` as the gradient of output number `output` of `node`: summed over dimensions that were broadcast, converted to
// the output's dtype. Throws ShapeError or DeviceError where it cannot be that.
FARRO_API Tensor fit_gradient(const Node& node, uint32_t output, Tensor grad);

// A gradient that code of the user made gets no such leniency: throws ShapeError, DTypeError or DeviceError unless it
// looks exactly as `expected` says. `op` and `who` begin the message: "mul: a hook".
FARRO_API void check_exact_gradient(const char* op, const char* who, const OutputMeta& expected, const Tensor& grad);

// Whether an AnomalyGuard lives on this thread.
FARRO_API bool anomaly_detection_enabled() noexcept;
// Throws AutogradError if a result of `node` holds NaN.
FARRO_API void check_no_nan(const Node& node, const Grads& results);

}  // namespace farro::detail
