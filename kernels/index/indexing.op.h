// SPDX-License-Identifier: Apache-2.0
// The op structs of indexing.h, for their kernels: what is left of an index expression once views have dealt with
// numbers, slices and None, and masks have become index tensors.
#pragma once

#include <farro/core/api.h>
#include <farro/core/op/op.h>

#include <vector>

namespace farro {

// indices[k] names places in dimension dims[k]; dims rise.
struct FARRO_API Index {
  static constexpr OpInfo info{.name = "index", .autocast = Autocast::none};
  struct Args {
    const Tensor& input;
    TensorList indices;
    Dims dims;
    static constexpr std::array names{"input", "indices", "dims"};
  };
  static constexpr Keep kKeep = Keep::inputs<Args>("indices") | Keep::sizes<Args>("input");
  static TensorSpec infer(const Args& args);
  static Grads backward(const Back<Index>& b);
  static Cost cost(const Args& args);
};

// target with `values` put or added at the indexed places; in place only.
struct FARRO_API IndexPut {
  static constexpr OpInfo info{.name = "index_put"};
  struct Args {
    const Tensor& target;
    const Tensor& values;
    TensorList indices;
    Dims dims;
    bool accumulate;
    static constexpr std::array names{"target", "values", "indices", "dims", "accumulate"};
  };
  static constexpr Keep kKeep = Keep::inputs<Args>("indices");
  static TensorSpec infer(const Args& args);
  static Grads backward(const Back<IndexPut>& b);
  static Cost cost(const Args& args);
};

// The shape of what the indices name in a tensor of those sizes.
FARRO_API Shape indexed_shape(const char* op, const Shape& sizes, TensorList indices, const Dims& dims);

// Whether dims are neighbours, so that the indexed part stays where it was.
FARRO_API bool are_neighbours(const Dims& dims) noexcept;

// The places of `count` true elements of a bool tensor.
struct FARRO_API Nonzero {
  static constexpr OpInfo info{.name = "nonzero", .autocast = Autocast::none};
  static constexpr const char* no_backward = "the result is a list of places";
  struct Args {
    const Tensor& mask;
    int64_t count;
    static constexpr std::array names{"mask", "count"};
  };
  static TensorSpec infer(const Args& args);
  static Cost cost(const Args& args);
};

}  // namespace farro
