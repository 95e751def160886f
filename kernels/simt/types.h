// SPDX-License-Identifier: Apache-2.0
// Element types of kernels and the type each one is computed in: half and bfloat16 in float, the others in themselves.
#pragma once

#include <farro/core/dtype/half.h>

namespace farro::simt {

template <class T>
struct Accumulator {
  using type = T;
};
template <>
struct Accumulator<half> {
  using type = float;
};
template <>
struct Accumulator<bfloat16> {
  using type = float;
};
template <class T>
using acc_t = typename Accumulator<T>::type;

}  // namespace farro::simt
