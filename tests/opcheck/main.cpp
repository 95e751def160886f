// Starts the suites. OpenMP's idle threads must sleep, not spin: the thread tests use more threads than there are
// processors, which takes 0.5 s with sleeping threads and 40 s with spinning ones. OpenMP looks at the variable before
// main() runs.
#include <gtest/gtest.h>

#include <unistd.h>
#include <cstdlib>

int main(int argc, char** argv) {
  if (!std::getenv("OMP_WAIT_POLICY")) {
    setenv("OMP_WAIT_POLICY", "passive", 1);
    execv("/proc/self/exe", argv);  // on failure: go on, slowly
  }
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
