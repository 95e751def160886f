// SPDX-License-Identifier: Apache-2.0
// repeat, made of expand and reshape: its gradient, a sum over the copies, is theirs.
#include <farro/kernels/index/repeat.fn.h>

#include <farro/core/tensor/number.h>

namespace farro {

Tensor repeat(const Tensor& input, const Dims& repeats) {
  check_defined("repeat", "input", input);
  const int lead = repeats.size() - input.dim();
  FARRO_CHECK(lead >= 0, ShapeError, "repeat: repeats must have an entry for each of the ", input.dim(),
              " dimensions, got ", repeats);
  Shape sizes = Dims::filled(lead, 1);
  for (int64_t size : input.sizes()) sizes.push_back(size);
  Shape repeated = sizes;
  for (int d = 0; d < sizes.size(); ++d) {
    FARRO_CHECK(repeats[d] >= 0, ValueError, "repeat: repeats must not be negative, got ", repeats);
    FARRO_CHECK(!__builtin_mul_overflow(sizes[d], repeats[d], &repeated[d]), ShapeError,
                "repeat: sizes must stay below 2^63, got repeats ", repeats, " (input: ", input, ")");
  }
  checked_numel("repeat", repeated);
  Tensor out = input.reshape(sizes);
  // One dimension at a time, from the last on, as [outer, repeats, size * inner]: no new dimension beyond the limit.
  int64_t inner = 1;
  for (int d = repeats.size() - 1; d >= 0; --d) {
    inner *= sizes[d];
    if (repeats[d] == 1) continue;
    const int64_t outer = inner ? out.numel() / inner : 0;
    sizes[d] *= repeats[d];
    out = out.reshape({outer, 1, inner}).expand({outer, repeats[d], inner}).reshape(sizes);
    inner *= repeats[d];
  }
  // Always a new tensor, also where nothing was repeated.
  return out.storage().get() == input.storage().get() ? out.clone() : out;
}

}  // namespace farro
