// The one place where gradients are checked against the outputs they belong to, and where broadcasting is undone.
#pragma once

#include <farro/autograd/node/node.h>

namespace farro::detail {

// `grad` as the gradient of output number `output` of `node`: summed over dimensions that were broadcast, converted to
// the output's dtype. Throws ShapeError or DeviceError where it cannot be that.
Tensor fit_gradient(const Node& node, uint32_t output, Tensor grad);

// Whether an AnomalyGuard lives on this thread.
bool anomaly_detection_enabled() noexcept;
// Throws AutogradError if a result of `node` holds NaN.
void check_no_nan(const Node& node, const Grads& results);

}  // namespace farro::detail
