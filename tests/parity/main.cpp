// SPDX-License-Identifier: Apache-2.0
// Runs the parity tests and says how much was compared.
#include <farro/core/parallel/parallel.h>
#include <farro/tests/parity/compare.h>

#include <cstdio>

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  // One thread on both sides: values do not depend on ours, and the cases are small.
  farro::set_num_threads(1);
  farro::parity::peer_use_one_thread();
  const int result = RUN_ALL_TESTS();
  std::printf("%lld tensors with %lld elements compared\n", static_cast<long long>(farro::parity::tally().tensors),
              static_cast<long long>(farro::parity::tally().elements));
  return result;
}
