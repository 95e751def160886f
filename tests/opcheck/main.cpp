// SPDX-License-Identifier: Apache-2.0
// Starts the suites. OpenMP's idle threads must sleep, not spin: the thread tests use more threads than there are
// processors, which takes 0.5 s with sleeping threads and 40 s with spinning ones. OpenMP looks at the variable before
// main() runs.
#include <farro/core/device/backend.h>

#include <gtest/gtest.h>

#include <unistd.h>
#include <cstdio>
#include <cstdlib>
#include <string_view>

int main(int argc, char** argv) {
  if (!std::getenv("OMP_WAIT_POLICY")) {
    setenv("OMP_WAIT_POLICY", "passive", 1);
    execv("/proc/self/exe", argv);  // on failure: go on, slowly
  }
  testing::InitGoogleTest(&argc, argv);
  // A device that was asked for and is not there would leave its kernels untested in silence.
  const char* device = std::getenv("FARRO_CUDA");
  if (device && std::string_view(device) != "off" && !farro::find_cuda_backend()) {
    std::fprintf(stderr, "FARRO_CUDA=%s: %s\n", device, farro::cuda_unavailable_reason().c_str());
    return 1;
  }
  return RUN_ALL_TESTS();
}
