// SPDX-License-Identifier: Apache-2.0
// Tensor::retain_grad(): the gradient of a tensor that is no leaf, kept by a hook on the node that made it.
#pragma once

#include <farro/autograd/node/node.h>
#include <farro/core/api.h>

namespace farro {

// Hangs the hook onto the tensor's present history; the one on an earlier history dies. Called again whenever an
// in-place operation gives a tensor with `retains_grad` another history.
FARRO_API void attach_retain_hook(TensorImpl& tensor);

}  // namespace farro
