// SPDX-License-Identifier: Apache-2.0
// Deterministic mutants of files: a seed and a number give the same bytes on every machine, so that a failure is
// repeated by its number alone. Used by the fuzz programs.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace farro::fuzz {

class Mutator {
 public:
  explicit Mutator(std::vector<std::string> seeds) : seeds_(std::move(seeds)) {}

  // The `number`-th mutant: one of the seeds with one to eight changes (flipped bits, odd numbers, cuts, repeats,
  // pieces of other seeds).
  std::string mutant(uint64_t number) const;

 private:
  std::vector<std::string> seeds_;
};

}  // namespace farro::fuzz
