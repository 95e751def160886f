// SPDX-License-Identifier: Apache-2.0
// Column sums in f64, in chunks that are combined in order.
#include <farro/kernels/conv/conv_bias.h>

#include <farro/core/parallel/parallel.h>

#include <algorithm>

namespace farro {

void conv_bias_gradient(Ctx& ctx, const float* values, int64_t rows, int64_t channels, float* sums) {
  constexpr int64_t kRows = 4096;  // a chunk; the sums of chunks are added up in order
  const int64_t chunks = std::max<int64_t>((rows + kRows - 1) / kRows, 1);
  double* const partial = ctx.scratch<double>(chunks * channels);
  parallel_for(chunks, std::max<int64_t>(1, (1 << 16) / (kRows * channels + 1)), [&](int64_t begin, int64_t end) {
    for (int64_t chunk = begin; chunk < end; ++chunk) {
      double* to = partial + chunk * channels;
      std::fill_n(to, channels, 0.0);
      for (int64_t row = chunk * kRows; row < std::min(rows, (chunk + 1) * kRows); ++row)
        for (int64_t c = 0; c < channels; ++c) to[c] += static_cast<double>(values[row * channels + c]);
    }
  });
  for (int64_t c = 0; c < channels; ++c) {
    double sum = 0;
    for (int64_t chunk = 0; chunk < chunks; ++chunk) sum += partial[chunk * channels + c];
    sums[c] = static_cast<float>(sum);
  }
}

}  // namespace farro
