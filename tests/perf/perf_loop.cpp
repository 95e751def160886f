// SPDX-License-Identifier: Apache-2.0
// One small operation, many times: what check_budgets.py counts the instructions of. `perf_loop add|add_grad|chain N`.
#include <farro/core/error/error.h>
#include <farro/kernels/memory/factories.h>
#include <farro/kernels/pointwise/arithmetic.h>

#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace {

using namespace farro;

// a + b on 8 floats; the result is freed.
void add_loop(long count, bool with_gradient) {
  Tensor a = ones({8});
  const Tensor b = ones({8});
  if (with_gradient) a.set_requires_grad();
  for (long i = 0; i < count; ++i) const Tensor sum = a + b;
}

// Multiplies 1,000 times and walks back, `count` times over.
void chain_loop(long count) {
  Tensor x = ones({8}).set_requires_grad();
  const Tensor factor = ones({8}), seed = ones({8});
  for (long i = 0; i < count; ++i) {
    Tensor y = x;
    for (int k = 0; k < 1000; ++k) y = y * factor;
    y.backward(seed);
    x.set_grad({});
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view what = argc == 3 ? argv[1] : "";
  const long count = argc == 3 ? std::atol(argv[2]) : 0;
  try {
    if (what == "add") return add_loop(count, false), 0;
    if (what == "add_grad") return add_loop(count, true), 0;
    if (what == "chain") return chain_loop(count), 0;
  } catch (const Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  std::fprintf(stderr, "usage: perf_loop add|add_grad|chain COUNT\n");
  return 2;
}
