// SPDX-License-Identifier: Apache-2.0
// parse_json: the bounds that a plain parser lacks.
#include <farro/core/io/json.h>

#include "io_test.h"

#include <nlohmann/json.hpp>

namespace farro::io {
namespace {

TEST(Json, ReadsJson) {
  const auto value = parse_json(R"({"a": [1, 2.5, "x"], "b": {"a": null}})", "test");
  EXPECT_EQ(value["a"][1].get<double>(), 2.5);
  EXPECT_TRUE(value["b"]["a"].is_null());
}

TEST(Json, NestingIsBounded) {
  expect_fault(FileFault::bad_header, "must nest at most 32 levels",
               [] { parse_json(std::string(1'000'000, '['), "test"); });
  std::string objects;
  for (int i = 0; i < 100'000; ++i) objects += "{\"a\":";
  expect_fault(FileFault::bad_header, "must nest at most 32 levels", [&] { parse_json(objects, "test"); });
  EXPECT_NO_THROW(parse_json("[[[]]]", "test", 3));
  expect_fault(FileFault::bad_header, "at most 2 levels", [] { parse_json("[[[]]]", "test", 2); });
}

TEST(Json, DuplicateKeysAreRefused) {
  expect_fault(FileFault::duplicate_key, "got 'a' twice", [] { parse_json(R"({"a":1,"b":{"a":1},"a":2})", "test"); });
  EXPECT_NO_THROW(parse_json(R"([{"a":1},{"a":{"a":1}}])", "test"));
}

TEST(Json, TextThatIsNoJson) {
  for (const char* text : {"", "{", "{]", "nan", "[1,]", "\"\xff\"", "{\"a\":1}x", "[1e999]", "'a'", "\"\x01\""})
    expect_fault(FileFault::bad_header, "test: text must be JSON", [&] { parse_json(text, "test"); });
  expect_fault(FileFault::bad_header, "a zero byte", [] { parse_json(std::string_view("{}\0", 3), "test"); });
}

}  // namespace
}  // namespace farro::io
