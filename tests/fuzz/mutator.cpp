// SPDX-License-Identifier: Apache-2.0
// Mutations of a file: flipped bits, exchanged and repeated pieces, and numbers at which parsers go wrong.
#include "mutator.h"

#include <algorithm>

namespace farro::fuzz {

namespace {

// SplitMix64 (Steele, Lea and Flood 2014): a few instructions, and any number is a good seed.
struct Random {
  uint64_t state;
  uint64_t next() {
    uint64_t z = state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
  }
  size_t below(size_t limit) { return limit == 0 ? 0 : static_cast<size_t>(next() % limit); }
};

// Numbers at which sizes overflow, change sign or vanish.
constexpr uint64_t kOddNumbers[] = {0,          1,          2,          0x7f,       0x80,       0xff,
                                    0x7fff,     0x8000,     0xffff,     0x7fffffff, 0x80000000, 0xffffffff,
                                    1ull << 40, 1ull << 62, 1ull << 63, ~0ull,      ~0ull - 7,  (1ull << 63) - 1};

// Text that matters to parsers.
const std::string kTokens[] = {"{",
                               "}",
                               "[",
                               "]",
                               "(",
                               ")",
                               ",",
                               ":",
                               "\"",
                               "'",
                               "-1",
                               "0",
                               "null",
                               "True",
                               "1e999",
                               "18446744073709551615",
                               "9223372036854775807",
                               "4294967296",
                               "\\u0000",
                               "__metadata__",
                               std::string(1, '\0'),
                               "\xff",
                               "\n",
                               "[[[[[[[[",
                               "{\"a\":"};

void put_number(std::string& bytes, size_t at, uint64_t value, size_t width, bool big_endian) {
  for (size_t i = 0; i < width && at + i < bytes.size(); ++i)
    bytes[at + i] = static_cast<char>(value >> 8 * (big_endian ? width - 1 - i : i) & 255);
}

void change(std::string& bytes, Random& random, const std::vector<std::string>& seeds) {
  // Headers stand in front: half of the changes go there.
  const size_t range = random.below(2) ? std::min<size_t>(bytes.size(), 64) : bytes.size();
  const size_t at = random.below(range + 1);
  const size_t length = random.below(std::min<size_t>(bytes.size() - at, 64) + 1);
  switch (random.below(9)) {
    case 0:
      if (at < bytes.size()) bytes[at] = static_cast<char>(bytes[at] ^ 1 << random.below(8));
      return;
    case 1:
      if (at < bytes.size()) bytes[at] = static_cast<char>(random.next());
      return;
    case 2:
      put_number(bytes, at, kOddNumbers[random.below(std::size(kOddNumbers))], 1u << random.below(4), random.below(2));
      return;
    case 3: bytes.erase(at, length); return;
    case 4: bytes.insert(at, bytes.substr(random.below(bytes.size() + 1), length)); return;
    case 5: bytes.resize(at); return;
    case 6: bytes.insert(at, kTokens[random.below(std::size(kTokens))]); return;
    case 7: bytes.append(1 + random.below(16), static_cast<char>(random.next())); return;
    default: {
      const std::string& other = seeds[random.below(seeds.size())];
      bytes.replace(at, length, other.substr(random.below(other.size() + 1), random.below(64)));
    }
  }
}

}  // namespace

std::string Mutator::mutant(uint64_t number) const {
  Random random{number};
  std::string bytes = seeds_[random.below(seeds_.size())];
  for (size_t changes = 1 + random.below(8); changes > 0; --changes) change(bytes, random, seeds_);
  return bytes;
}

}  // namespace farro::fuzz
