// SPDX-License-Identifier: Apache-2.0
// Cost formulas in numbers: least bytes moved where inputs and outputs differ in dtype or size.
#include <farro/core/op/call_listener.h>
#include <farro/core/op/op_table.h>
#include <farro/kernels/attention/attention.h>
#include <farro/kernels/memory/factories.h>
#include <farro/kernels/pointwise/compare.h>
#include <farro/kernels/reduce/extremum.h>
#include <farro/kernels/reduce/scan.h>
#include <farro/kernels/reduce/sum.h>

#include <gtest/gtest.h>

#include <string>

namespace farro {
namespace {

// The bytes of the last call of an op.
class Bytes final : public CallListener {
 public:
  explicit Bytes(std::string op) : op_(std::move(op)) { add_call_listener(*this); }
  ~Bytes() override { remove_call_listener(*this); }
  void begin(const CallEvent& event) noexcept override {
    if (event.name() == op_) last_ = event.cost.bytes;
  }
  void end(const CallEvent&) noexcept override {}
  double last() const { return last_; }

 private:
  std::string op_;
  double last_ = -1;
};

template <class Call>
double bytes_of(const char* op, Call&& call) {
  const Bytes bytes(op);
  static_cast<void>(call());
  return bytes.last();
}

TEST(Cost, CountsOutputsInTheirOwnDType) {
  const Tensor x = zeros({1000}), flags = zeros({1000}, {.dtype = DType::boolean}), table = zeros({500, 2});
  EXPECT_EQ(bytes_of("eq", [&] { return x == x; }), 9000);
  EXPECT_EQ(bytes_of("isnan", [&] { return isnan(x); }), 5000);
  EXPECT_EQ(bytes_of("sum", [&] { return flags.sum(); }), 1008);
  EXPECT_EQ(bytes_of("any", [&] { return any(x); }), 4001);
  EXPECT_EQ(bytes_of("max", [&] { return max(table, 1); }), 10000);
  EXPECT_EQ(bytes_of("argmax", [&] { return argmax(flags.reshape({500, 2}), 1); }), 5000);
  EXPECT_EQ(bytes_of("cumsum", [&] { return cumsum(flags, 0); }), 9000);
}

TEST(Cost, OfAttentionCountsWideValues) {
  const Tensor q = zeros({1, 2, 3, 4}), k = zeros({1, 2, 5, 4}), v = zeros({1, 2, 5, 8});
  // q, k, v, and out with the width of v and lse
  EXPECT_EQ(bytes_of("scaled_dot_product_attention", [&] { return scaled_dot_product_attention(q, k, v); }),
            4 * (24 + 40 + 80 + 48 + 6));
}

}  // namespace
}  // namespace farro
