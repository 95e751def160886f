// SPDX-License-Identifier: Apache-2.0
// Checks the gradients of a function against central differences: the whole Jacobian, in f64. Called by the op tests
// and by users for functions of their own. A function must be smooth around its inputs: keep them away from kinks.
#pragma once

#include <farro/autograd/engine/engine.h>
#include <farro/core/api.h>
#include <farro/core/error/error.h>

namespace farro {

// A gradient and its numeric estimate differ by more than atol + rtol * |numeric|.
struct FARRO_API GradcheckError : AutogradError {
  GradcheckError(std::string message, size_t input_, size_t output_, int64_t input_element_, int64_t output_element_,
                 double analytic_, double numeric_)
      : AutogradError(std::move(message)),
        input(input_),
        output(output_),
        input_element(input_element_),
        output_element(output_element_),
        analytic(analytic_),
        numeric(numeric_) {}
  const char* kind() const noexcept override { return "GradcheckError"; }

  size_t input, output;                   // which tensors
  int64_t input_element, output_element;  // row-major
  double analytic, numeric;               // d(output element) / d(input element)
};

struct GradcheckOptions {
  double eps = 1e-6;  // half the distance of the difference quotient
  double rtol = 1e-3;
  double atol = 1e-5;
};

// `function` must not depend on anything that changes between calls (reseed generators inside).
// Compares d(outputs)/d(input) for every f64 input with requires_grad() and every floating output. Throws
// GradcheckError at the first difference; ValueError unless some input is f64 and requires a gradient; AutogradError
// where no output does.
FARRO_API void gradcheck(const TensorFunction& function, const std::vector<Tensor>& inputs,
                         const GradcheckOptions& options = {});

// The same for the gradients as functions of the inputs and of the outputs' gradients, so that grad() of grad() is
// right.
FARRO_API void gradgradcheck(const TensorFunction& function, const std::vector<Tensor>& inputs,
                             const GradcheckOptions& options = {});

}  // namespace farro
