// SPDX-License-Identifier: Apache-2.0
// What every loss takes: the mean (default) or sum of all entries as a 0-dim tensor, or none. Sums are taken in f64, in
// an order that does not depend on the number of threads.
#pragma once

#include <cstdint>

namespace farro {

enum class Reduction : uint8_t { none, mean, sum };

}  // namespace farro
