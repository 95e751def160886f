// SPDX-License-Identifier: Apache-2.0
// The LayerNorm and RMSNorm layers.
#include <farro/nn/layers/norm.h>

#include <farro/kernels/memory/factories.h>
#include <farro/kernels/norm/layer_norm.h>

namespace farro::nn {

namespace {

Tensor filled(bool wanted, const Shape& sizes, double value) { return wanted ? full(sizes, value) : Tensor(); }

template <class Options>
const Options& checked(const char* layer, const Options& o) {
  FARRO_CHECK(!o.normalized_shape.empty(), ValueError, layer,
              ": normalized_shape must have at least one size, got none");
  const double eps = std::optional<double>(o.eps).value_or(0);
  FARRO_CHECK(eps >= 0, ValueError, layer, ": eps must not be negative, got ", eps);
  return o;
}

}  // namespace

LayerNorm::LayerNorm(Parent parent, std::string_view name, const LayerNormOptions& options_)
    : Module(parent, name),
      options(checked("LayerNorm", options_)),
      weight(*this, "weight", filled(options.affine, options.normalized_shape, 1)),
      bias(*this, "bias", filled(options.affine && options.bias, options.normalized_shape, 0)) {}

Tensor LayerNorm::forward(const Tensor& x) {
  return layer_norm(x, options.normalized_shape, weight, bias, options.eps);
}

RMSNorm::RMSNorm(Parent parent, std::string_view name, const RMSNormOptions& options_)
    : Module(parent, name),
      options(checked("RMSNorm", options_)),
      weight(*this, "weight", filled(options.affine, options.normalized_shape, 1)) {}

Tensor RMSNorm::forward(const Tensor& x) { return rms_norm(x, options.normalized_shape, weight, options.eps); }

}  // namespace farro::nn
