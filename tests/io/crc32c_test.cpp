// SPDX-License-Identifier: Apache-2.0
// CRC-32C against known answers, in parts, and without the processor's instruction.
#include <farro/core/io/detail/crc32c.h>

#include <gtest/gtest.h>

#include <cstdint>
#include <random>
#include <string>

namespace farro {
namespace {

TEST(Crc32c, KnownAnswers) {
  EXPECT_EQ(crc32c("123456789", 9), 0xe3069283u);  // the check value of the polynomial's catalogue entry
  EXPECT_EQ(crc32c(std::string(32, '\0').data(), 32), 0x8a9136aau);  // RFC 3720, B.4
  EXPECT_EQ(crc32c(nullptr, 0), 0u);
}

TEST(Crc32c, PartsAndThePortableVersionAgree) {
  std::mt19937 random(1);
  std::string data(1000, '\0');
  for (char& c : data) c = static_cast<char>(random());
  for (size_t cut = 0; cut < 100; ++cut) {
    const uint32_t whole = crc32c(data.data() + cut, data.size() - 2 * cut);
    EXPECT_EQ(detail::crc32c_portable(data.data() + cut, data.size() - 2 * cut, 0), whole);
    EXPECT_EQ(crc32c(data.data() + 2 * cut, data.size() - 3 * cut, crc32c(data.data() + cut, cut)), whole);
  }
}

}  // namespace
}  // namespace farro
