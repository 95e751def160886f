// SPDX-License-Identifier: Apache-2.0
// softmax(q k^T * scale + mask) v, without storing the scores (Dao et al. 2022): memory is linear in the lengths.
#pragma once

#include <farro/core/api.h>
#include <farro/core/random/generator.h>
#include <farro/core/tensor/tensor.h>

#include <optional>

namespace farro {

struct AttentionOptions {
  Tensor mask = {};     // broadcasts to [B, H, L, S]; bool: true may be attended to; floating: added to the scores
  bool causal = false;  // query i attends to keys 0..i only
  std::optional<double> scale = {};  // default 1 / sqrt(D)
  double dropout_p =
      0;  // drops weights with this probability, whatever mode a module is in; stores the scores if above 0
  Generator* generator = nullptr;  // of the dropout; default: that of the device
};

// q [B, H, L, D], k [B, H, S, D], v [B, H, S, E]: [B, H, L, E]; without the heads [B, L, D] and so on. One floating
// dtype; statistics are kept in f32 (f64 for f64). A query that may attend to no key gives 0, and no gradient. Pairs
// that the mask hides (false, -infinity, or later than the query) are left out altogether: what stands there may be NaN
// or infinite. Throws ShapeError and DTypeError naming the argument that does not fit, ValueError for options out of
// range.
FARRO_API Tensor scaled_dot_product_attention(const Tensor& q, const Tensor& k, const Tensor& v,
                                              const AttentionOptions& options = {});

}  // namespace farro
