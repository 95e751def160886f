// SPDX-License-Identifier: Apache-2.0
// What users read when they err: errors.txt holds, for every public function, calls that are refused, with the type and
// the text of the error. Each line was read once: it must name the function and the argument, what was expected and
// what came. A change of a text is a change of the file: FARRO_HOSTILE_WRITE=errors.txt hostile_tests
// --gtest_filter=Errors.* writes it anew, for its difference to be read.
#include "functions.h"

#include <gtest/gtest.h>

#include <cctype>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

namespace farro::hostile {
namespace {

// Of each function: every kind of error that so many calls meet, up to a limit, and at least this many calls.
constexpr int64_t kCalls = 1000;
constexpr size_t kMostKinds = 12, kLeastCalls = 5, kLeastInAll = 1000;

struct Refused {
  int64_t call;
  std::string type, text;
};

// Null where the call succeeds, or fails for a reason that is not in its arguments.
std::optional<Refused> refused(const Function& function, int64_t call) {
  Draw draw(seed_of(function, call));
  std::optional<Refused> out;
  try {
    function.call(draw);
  } catch (const OutOfMemoryError&) {
    // Depends on the machine.
  } catch (const Error& error) {
    out = {call, error.kind(), error.what()};
  }
  for (const Tensor& tensor : draw.given)
    if (tensor.defined()) Tensor(tensor).set_grad({});
  return out;
}

// A text without numbers, dtypes and devices: what two errors of one kind have in common.
std::string kind_of(const Refused& error) {
  static const std::set<std::string> varying{"f64", "f32", "f16", "bf16", "i64", "i32", "u8", "bool", "cpu", "meta"};
  std::string out = error.type, word;
  for (const char c : error.text + " ") {
    if (std::isalnum(static_cast<unsigned char>(c)) || c == '_') {
      word += c;
      continue;
    }
    if (!varying.contains(word) && !std::isdigit(static_cast<unsigned char>(word[0]))) out += word;
    word.clear();
    if (!std::strchr("-., []", c)) out += c;
  }
  return out;
}

std::vector<Refused> choose(const Function& function) {
  std::vector<Refused> kinds, others;
  std::set<std::string> seen;
  for (int64_t call = 0; call < kCalls; ++call) {
    const std::optional<Refused> error = refused(function, call);
    // A limit of 2^31 is met only where there is memory for that much.
    if (!error || error->text.find("2^31") != std::string::npos) continue;
    const bool is_new = seen.insert(kind_of(*error)).second;
    if (is_new && kinds.size() < kMostKinds)
      kinds.push_back(*error);
    else if (others.size() < kLeastCalls)
      others.push_back(*error);
  }
  for (const Refused& error : others)
    if (kinds.size() < kLeastCalls) kinds.push_back(error);
  return kinds;
}

void write(const char* path) {
  std::ofstream file(path);
  for (const Function& function : all_functions())
    for (const Refused& error : choose(function))
      file << function.name << '\t' << error.call << '\t' << error.type << '\t' << error.text << '\n';
}

TEST(Errors, AreThoseOfTheFile) {
  set_up_once();
  if (const char* path = std::getenv("FARRO_HOSTILE_WRITE")) write(path);
  std::map<std::string, const Function*> functions;
  for (const Function& function : all_functions()) functions[function.name] = &function;
  std::ifstream file(FARRO_HOSTILE_ERRORS);
  ASSERT_TRUE(file) << FARRO_HOSTILE_ERRORS;
  size_t lines = 0;
  std::map<std::string, size_t> of_function;
  for (std::string line; std::getline(file, line); ++lines) {
    std::istringstream cells(line);
    std::string name, call, type, text;
    std::getline(cells, name, '\t');
    std::getline(cells, call, '\t');
    std::getline(cells, type, '\t');
    std::getline(cells, text);
    ASSERT_TRUE(functions.contains(name)) << line;
    const std::optional<Refused> error = refused(*functions[name], std::stoll(call));
    EXPECT_TRUE(error && error->type == type && error->text == text)
        << name << ", call " << call << "\n  expected " << type << ": " << text << "\n  got "
        << (error ? error->type + ": " + error->text : "no error");
    ++of_function[name];
  }
  EXPECT_GE(lines, kLeastInAll);
  for (const auto& [name, function] : functions)
    EXPECT_GE(of_function[name], kLeastCalls) << name << ": write the file anew";
}

}  // namespace
}  // namespace farro::hostile
