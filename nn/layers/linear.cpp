// SPDX-License-Identifier: Apache-2.0
// The Linear layer.
#include <farro/nn/layers/linear.h>

#include <farro/kernels/matmul/matmul.h>
#include <farro/nn/layers/detail/default_init.h>

namespace farro::nn {

namespace {

const LinearOptions& checked(const LinearOptions& o) {
  FARRO_CHECK(o.in_features > 0 && o.out_features > 0, ValueError,
              "Linear: in_features and out_features must be positive, got ", o.in_features, " and ", o.out_features);
  return o;
}

}  // namespace

Linear::Linear(Parent parent, std::string_view name, const LinearOptions& options_)
    : Module(parent, name),
      options(checked(options_)),
      weight(*this, "weight", default_weight({options.out_features, options.in_features})),
      bias(*this, "bias", default_bias(options.bias, weight, options.out_features)) {}

Tensor Linear::forward(const Tensor& x) { return linear(x, weight, bias); }

}  // namespace farro::nn
