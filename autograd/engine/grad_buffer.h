// SPDX-License-Identifier: Apache-2.0
// Gradients at a fixed place: several leaves' gradients as parts of one larger tensor, which is then reduced, scaled or
// sent as a whole.
#pragma once

#include <farro/core/api.h>
#include <farro/core/tensor/tensor.h>

namespace farro {

// From now on leaf.grad() lies in `buffer`, a view as a rule: where there is no gradient, backward() overwrites the
// buffer and makes it grad(); later walks add to it. Where no gradient arrives, grad() stays undefined and the buffer
// keeps what it held. Taking the gradient away (zero_grad(), set_grad({})) keeps the buffer; set_grad(g) copies g into
// it, and so is a gradient that the leaf has already. backward({.create_graph = true}) refuses such leaves.
//
// Throws AutogradError unless `leaf` is a leaf that requires a gradient; ShapeError, DTypeError and DeviceError unless
// the buffer looks like it; ValueError where the buffer holds an element twice. An undefined buffer takes the present
// one away; grad() stays. A leaf that moves to another dtype or device loses it.
FARRO_API void set_grad_buffer(const Tensor& leaf, const Tensor& buffer);
// Undefined where there is none.
FARRO_API Tensor grad_buffer(const Tensor& leaf);

}  // namespace farro
