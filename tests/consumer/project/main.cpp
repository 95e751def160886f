// SPDX-License-Identifier: Apache-2.0
// The smallest program: a gradient through the installed library.
#include <farro/farro.h>

int main() {
  farro::Tensor x = farro::tensor({1, 2, 3}).set_requires_grad();
  (x * x).sum().backward();
  return x.grad().to_vector<double>() == std::vector<double>{2, 4, 6} ? 0 : 1;
}
