// SPDX-License-Identifier: Apache-2.0
// Ops of the tests' own, and ears for calls.
#pragma once

#include <farro/autograd/call/call.h>
#include <farro/autograd/node/grad_mode.h>
#include <farro/core/op/call_listener.h>
#include <farro/core/op/op_table.h>
#include <farro/kernels/memory/factories.h>
#include <farro/kernels/pointwise/arithmetic.h>

#include <gmock/gmock.h>

#include <mutex>
#include <string>
#include <vector>

namespace farro::op_test {

// The text of the error that `fn` must throw.
template <class E, class Fn>
std::string error_of(Fn&& fn) {
  try {
    static_cast<void>(fn());
  } catch (const E& error) {
    return error.what();
  } catch (const std::exception& error) {
    return std::string("another error: ") + error.what();
  }
  return "no error";
}

// x -> a tensor like x. Each test takes a number of its own, for an op and its kernels live as long as the process.
template <int kNumber>
struct Probe {
  static constexpr std::array<char, 9> kName{'p', 'r', 'o', 'b', 'e', '_', 'a' + kNumber / 16, 'a' + kNumber % 16, 0};
  static constexpr OpInfo info{.name = kName.data()};
  struct Args {
    const Tensor& x;
    static constexpr std::array names{"x"};
  };
  static constexpr const char* no_backward = "an op of the tests";
  static TensorSpec infer(const Args& args) { return {args.x.sizes(), args.x}; }
  static Cost cost(const Args&) { return {}; }
};

// Makes the op known by name, once.
template <class Op>
void make_known() {
  for (const OpEntry& op : all_ops())
    if (std::string_view(op.info().name) == Op::info.name) return;
  register_op<Op>();
}

// Kernels that write their number everywhere.
template <class Op, int kMark>
void mark(Ctx&, const typename Op::Args&, Outputs<Op>& out) {
  std::fill_n(out[0].template data<float>(), out[0].numel(), float{kMark});
}

struct Heard {
  std::string name, variant, args;
  CallForm form;
  int depth;
  bool failed;
  Ctx::Counts counts;
};

// What it hears until it goes, of all threads.
class Ear final : public CallListener {
 public:
  Ear() { add_call_listener(*this); }
  ~Ear() override { remove_call_listener(*this); }
  void begin(const CallEvent&) noexcept override {
    const std::lock_guard lock(mutex_);
    ++begun_;
  }
  void end(const CallEvent& event) noexcept override {
    const std::lock_guard lock(mutex_);
    heard_.push_back(
        {event.name(), event.variant, event.describe(), event.form, event.depth, event.failed, event.counts});
  }
  size_t begun() const { return begun_; }
  const std::vector<Heard>& heard() const { return heard_; }
  std::vector<std::string> names() const {
    std::vector<std::string> names;
    for (const Heard& call : heard_) names.push_back(call.name);
    return names;
  }

 private:
  std::mutex mutex_;
  size_t begun_ = 0;
  std::vector<Heard> heard_;
};

}  // namespace farro::op_test
